import { join } from "node:path";
import { Fault, type Tree, type TreeFile, treeChunkBytes } from "@locum/contracts";
import type { Fs } from "./fs.ts";
import { errnoOf } from "./fs-fault.ts";
import { chunkBuffer, readChunk, sha256 } from "./hash-file.ts";
import type { Pace } from "./pace.ts";
import { resolveInside } from "./resolve-inside.ts";

/** `coverage`: part of the bytes that the running pass has read, 0 to 1. Only passes that read all of them count. */
export type ScrubStatus = { passes: number; coverage: number };

/**
 * Reads every chunk of the tree once, at its pace, and names the files that are not what they were or cannot be
 * read. It concludes nothing: a file may have been replaced since, and the one who hashes it again will know. Says
 * whether every chunk was read and right.
 */
export async function scrubPass({
  dir,
  fs,
  tree,
  status,
  pace,
  onMismatch,
  signal,
}: {
  dir: string;
  fs: Fs;
  tree: Tree;
  status: ScrubStatus;
  pace: Pace;
  onMismatch: (path: string) => void;
  signal: AbortSignal;
}): Promise<boolean> {
  const { files } = tree;
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  let isWhole = true;
  status.coverage = 0;
  for (const file of files) {
    if (signal.aborted) return false;
    if (!(await isSound(file))) {
      isWhole = false;
      onMismatch(file.path);
    }
    done += file.size;
    status.coverage = total === 0 ? 1 : done / total;
  }
  isWhole &&= !signal.aborted;
  if (isWhole) status.passes++;
  return isWhole;

  async function isSound(file: TreeFile): Promise<boolean> {
    try {
      const root = await fs.realpath(dir);
      const handle = await fs.open(join(root, await resolveInside(fs, root, file.path)), "r");
      const buffer = chunkBuffer(file.size);
      try {
        for (const [chunk, digest] of file.chunks.entries()) {
          const size = Math.min(treeChunkBytes, file.size - chunk * treeChunkBytes);
          await pace(size);
          if (signal.aborted) return true;
          const bytes = await readChunk(handle, buffer, chunk);
          if (!bytes || (await sha256(bytes)) !== digest) return false;
          status.coverage = (done + chunk * treeChunkBytes + size) / total;
        }
        return true;
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (error instanceof Fault || errnoOf(error) !== undefined) return false;
      throw error;
    }
  }
}
