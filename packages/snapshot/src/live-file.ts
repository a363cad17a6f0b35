import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { type Fs, type FsHandle, nodeFs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import type { LiveTree } from "./scan-tree.ts";
import { stampOf } from "./stamp.ts";

/** A file of a live tree, opened while it is the one that was hashed. */
export type LiveFile = {
  size: number;
  /** Reads up to `buffer.length` bytes at `position`; fewer only at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Whether nothing was written to it since it was hashed: what was read until now is what the tree says. */
  isSame(): Promise<boolean>;
  close(): Promise<void>;
};

/**
 * Opens a file of the live tree by its path in it. The path is looked up, never joined from what somebody asked for, and
 * what was opened must be the file that was hashed: a link that was led elsewhere meanwhile opens another one.
 * @throws Fault not-found: no path of the tree · tree-changed: gone, or written since it was hashed
 */
export async function openLiveFile({
  dir,
  live: { tree, stamps },
  path,
  fs = nodeFs,
}: {
  dir: string;
  live: LiveTree;
  path: string;
  fs?: Fs;
}): Promise<LiveFile> {
  const file = tree.files.find((one) => one.path === path);
  if (!file) throw new Fault("not-found", "no such file in this tree");
  const handle = await ifThere(fs.open(join(dir, file.path), "r"));
  const isSame = async (open: FsHandle) => stampOf(await open.stat()) === stamps.get(file.path);
  if (handle && (await isSame(handle)))
    return {
      size: file.size,
      read: handle.read,
      isSame: () => isSame(handle),
      close: handle.close,
    };
  await handle?.close();
  throw new Fault("tree-changed", `${file.path} is no longer the file that was hashed`);
}
