import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault } from "@locum/contracts";

/**
 * Writes a file that its owner alone can read, in a folder of the same kind, whole or not at all. False where a file of
 * that name is: it stays, whoever made it.
 * @throws Fault storage-failed
 */
export async function createSecretFile(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const made = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    if (made !== undefined) await chmod(dirname(file), 0o700);
    await using handle = await open(draft, "wx", 0o600);
    await handle.writeFile(text);
    await handle.sync();
    // A link never replaces what another run put there meanwhile.
    await link(draft, file);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    throw new Fault("storage-failed", `${file} was not written: ${message}`, { cause: error });
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
}
