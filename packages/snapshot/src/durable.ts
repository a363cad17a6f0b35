import { dirname, join } from "node:path";
import type { Fs } from "./fs.ts";
import { errnoOf, ifThere, isMissing } from "./fs-fault.ts";

/** Replaces a small file so that after a crash it holds the old bytes or the new ones, never a part. */
export async function writeDurable(fs: Fs, path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await ifThere(fs.unlink(draft));
  const handle = await fs.open(draft, "wx", 0o600);
  try {
    await handle.write(Buffer.from(text), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(draft, path);
  await fs.syncDir(dirname(path));
}

/** The text of a small file, or undefined where there is none. @throws Error when it is larger than `bytesMax`. */
export async function readSmall(fs: Fs, path: string, bytesMax: number): Promise<string | undefined> {
  const handle = await ifThere(fs.open(path, "r"));
  if (!handle) return undefined;
  try {
    const { size } = await handle.stat();
    if (size > bytesMax) throw new RangeError(`${path} has ${size} bytes, at most ${bytesMax} are read`);
    const buffer = new Uint8Array(size);
    return new TextDecoder().decode(buffer.subarray(0, await handle.read(buffer, 0)));
  } finally {
    await handle.close();
  }
}

/** Makes a folder and those above it; each new name is durable before the next is made in it. Gives the new ones. */
export async function makeDirs(fs: Fs, path: string, mode?: number): Promise<string[]> {
  if ((await ifThere(fs.lstat(path)))?.kind === "dir") return [];
  const above = dirname(path) === path ? [] : await makeDirs(fs, dirname(path), mode);
  try {
    await fs.mkdir(path, mode);
  } catch (error) {
    // Another made it, or it is a link to a folder: both are as good.
    if (errnoOf(error) !== "EEXIST") throw error;
    return above;
  }
  await fs.syncDir(dirname(path));
  return [...above, path];
}

/** Removes a folder of our own with all that is in it. Links are removed, never followed. Absent is fine. */
export async function removeTree(fs: Fs, path: string): Promise<void> {
  const stat = await ifThere(fs.lstat(path));
  if (!stat) return;
  if (stat.kind !== "dir") return void (await ifThere(fs.unlink(path)));
  // Twins are read-only, folders included.
  if ((stat.mode & 0o700) !== 0o700) await fs.chmod(path, 0o700);
  for (const name of await fs.readdir(path)) await removeTree(fs, join(path, name));
  await ifThere(fs.rmdir(path));
}

/** Removes a folder if nothing is in it. Says whether it is gone. */
export async function removeIfEmpty(fs: Fs, path: string): Promise<boolean> {
  try {
    await fs.rmdir(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    // Not every system names this alike: POSIX allows EEXIST for ENOTEMPTY.
    if (["ENOTEMPTY", "EEXIST", "EBUSY", "EPERM", "EACCES"].includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}

/** Removes the empty folders of a tree, itself included where nothing is left. Files stay. */
export async function removeEmptyTree(fs: Fs, path: string): Promise<void> {
  if ((await ifThere(fs.lstat(path)))?.kind !== "dir") return;
  for (const name of await fs.readdir(path)) await removeEmptyTree(fs, join(path, name));
  await removeIfEmpty(fs, path);
}
