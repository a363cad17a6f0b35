import { open } from "node:fs/promises";
import { Fault } from "@locum/contracts";

/**
 * A JSON file that a person named, within a limit.
 * @throws Fault not-found | body-too-large | request-invalid
 */
export async function readJsonFile(
  file: string,
  { flag, bytesMax = 67_108_864 }: { flag: string; bytesMax?: number },
): Promise<unknown> {
  const hint = `Name an existing JSON file with ${flag}.`;
  const text = await readBounded(file, bytesMax).catch((cause: unknown) => {
    if (cause instanceof Fault) throw cause;
    throw new Fault("not-found", `${file} cannot be read: ${(cause as Error).message}`, { hint, cause });
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault("request-invalid", `${file} is not JSON: ${(cause as Error).message}`, { hint, cause });
  }
}

async function readBounded(file: string, bytesMax: number): Promise<string> {
  await using handle = await open(file, "r");
  const { size } = await handle.stat();
  if (size > bytesMax) throw new Fault("body-too-large", `${file} has ${size} bytes, more than ${bytesMax}`);
  return handle.readFile("utf8");
}
