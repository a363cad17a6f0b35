import { dirname, join } from "node:path";
import type { Tree, TreeFile } from "@locum/contracts";
import { type ChunkReader, copyVerified } from "./copy-verified.ts";
import { makeDirs } from "./durable.ts";
import type { Fs } from "./fs.ts";
import type { Pace } from "./pace.ts";

/** Writes a whole tree to a folder that is not there yet: every file verified and durable, and every name. */
export async function copyTree({
  fs,
  tree,
  to,
  readerOf,
  fileModeOf,
  dirMode,
  pace,
  signal,
}: {
  fs: Fs;
  tree: Tree;
  to: string;
  readerOf: (file: TreeFile) => ChunkReader;
  fileModeOf: (path: string) => number;
  dirMode: number;
  pace: Pace;
  signal?: AbortSignal | undefined;
}): Promise<void> {
  const folders = new Set([to]);
  await fs.mkdir(to, 0o700);
  for (const file of tree.files) {
    const place = join(to, file.path);
    for (const made of await makeDirs(fs, dirname(place), 0o700)) folders.add(made);
    const mode = fileModeOf(file.path);
    await copyVerified(fs, { file, read: readerOf(file), to: place, mode, pace, signal });
  }
  for (const folder of [...folders].reverse()) {
    await fs.chmod(folder, dirMode);
    await fs.syncDir(folder);
  }
  await fs.syncDir(dirname(to));
}
