import { dirname, join } from "node:path";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";

export type Publication = { root: string; path: string; parts: readonly Uint8Array[]; draftName: string };

/**
 * Puts a file of the repository in place, whole and durable or not at all: draft, sync, rename, sync of the folder.
 * Where a file of that name is, nothing is written: names say what is inside. A failed sync is not tried again, since
 * the system may have dropped the pages that it failed on. Says whether the file is new.
 */
export async function publish(fs: Fs, { root, path, parts, draftName }: Publication): Promise<boolean> {
  const target = join(root, path);
  if (await ifThere(fs.lstat(target))) {
    // Another may have renamed it a moment ago: it counts only once its name is durable.
    await fs.syncDir(dirname(target));
    return false;
  }
  await makeDirs(fs, join(root, "tmp"));
  await makeDirs(fs, dirname(target));
  const draft = join(root, "tmp", draftName);
  try {
    await writeDraft(fs, draft, parts);
    await fs.rename(draft, target);
  } catch (error) {
    await fs.unlink(draft).catch(() => {});
    throw error;
  }
  await fs.syncDir(dirname(target));
  return true;
}

async function writeDraft(fs: Fs, draft: string, parts: readonly Uint8Array[]): Promise<void> {
  const handle = await fs.open(draft, "wx", 0o600);
  try {
    let position = 0;
    for (const part of parts) {
      await handle.write(part, position);
      position += part.length;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}
