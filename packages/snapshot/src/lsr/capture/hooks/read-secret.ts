import { open } from "node:fs/promises";
import { Fault } from "@locum/contracts";

const bytesMax = 4096;

/** The one line of a file that only its owner reads. @throws Fault refused: it is not there, others may read it, or it is no line */
export async function readSecret(path: string): Promise<string> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw new Fault("refused", `${path} cannot be read`, { cause: error });
  });
  try {
    const { mode, size } = await handle.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw new Fault("refused", `${path} may be read by others`, { hint: `chmod 600 ${path}` });
    const text = size > bytesMax ? "" : (await handle.readFile("utf8")).replace(/\r?\n$/, "");
    if (text === "" || /\p{Cc}/u.test(text))
      throw new Fault("refused", `${path}: expected one line of at most ${bytesMax} bytes`);
    return text;
  } finally {
    await handle.close();
  }
}
