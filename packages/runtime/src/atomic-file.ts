import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Fault } from "@locum/contracts";

/**
 * Replaces a file so that a reader, or the next start after a crash at any moment, finds the old bytes or the new
 * ones, never a part. Order: temporary file beside it, fsync, rename, fsync of the directory. Makes the folder.
 * @throws Fault disk-full | storage-failed; the old file is then untouched
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { mode = 0o644 }: { mode?: number } = {},
): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await using file = await open(draft, "wx", mode);
    // The mode above passes through the umask; a secret must not depend on it, and neither must a shared file.
    await file.chmod(mode);
    await file.writeFile(data);
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw storageFault(path, error);
  }
  try {
    await rename(draft, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw storageFault(path, error);
  }
}

/** Removes what writers of `path` that died left behind. Call it where there is one writer, before it writes. */
export async function removeDrafts(path: string): Promise<void> {
  const isDraft = (name: string): boolean =>
    name.startsWith(`.${basename(path)}.`) && /\.[0-9a-f]{12}\.tmp$/.test(name);
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names.filter(isDraft)) await rm(join(dirname(path), name), { force: true });
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a directory for this, and NTFS journals names by itself.
  if (process.platform === "win32") return;
  await using handle = await open(folder, "r");
  await handle.sync();
}

function storageFault(path: string, error: unknown): Fault {
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new Fault(isFull ? "disk-full" : "storage-failed", `${path} was not written: ${message}`, {
    cause: error,
  });
}
