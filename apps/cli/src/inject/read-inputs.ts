import { open, readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import type { Io } from "../io.ts";

/** One file of an input. `text` is null where its bytes are not UTF-8. */
export type Input = { name: string; text: string | null };

const filesMax = 5000;
const bytesMax = 64 * 1024 * 1024;

/**
 * The files behind `-f`: a file, `-` for standard input, or every manifest and unit below a folder, in the order of
 * their names.
 * @throws Fault usage | not-found | body-too-large
 */
export async function readInputs(paths: readonly string[], { io }: { io: Io }): Promise<Input[]> {
  if (paths.length === 0) throw new Fault("usage", "expected -f FILE, -f DIR or -f -, found nothing");
  const inputs: Input[] = [];
  for (const path of paths) {
    if (path === "-") inputs.push({ name: "-", text: textOf(await readStdin(io)) });
    else
      for (const file of await filesOf(path, io.cwd))
        inputs.push({ name: file, text: textOf(await readFile(resolve(io.cwd, file))) });
  }
  return inputs;
}

async function filesOf(path: string, cwd: string): Promise<string[]> {
  const found = await stat(resolve(cwd, path)).catch((cause) => {
    throw new Fault("not-found", `${path} cannot be read: ${(cause as Error).message}`, {
      hint: "Name a file, a folder, or - for standard input.",
    });
  });
  if (!found.isDirectory()) return [path];
  const names = await readdir(resolve(cwd, path), { recursive: true });
  const files = names
    .filter(
      (name) => /\.(ya?ml|json|service)$/.test(name) && !name.split("/").some((part) => part.startsWith(".")),
    )
    .sort()
    .map((name) => join(path, name));
  if (files.length > filesMax) throw new Fault("body-too-large", `${path} holds more than ${filesMax} files`);
  return files;
}

async function readFile(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size > bytesMax) throw new Fault("body-too-large", `${path} is larger than ${bytesMax} bytes`);
  return file.readFile();
}

async function readStdin({ stdin }: Io): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stdin ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax)
      throw new Fault("body-too-large", `standard input is larger than ${bytesMax} bytes`);
  }
  return Buffer.concat(chunks);
}

function textOf(bytes: Buffer): string | null {
  const text = bytes.toString("utf8");
  return Buffer.from(text).equals(bytes) ? text : null;
}
