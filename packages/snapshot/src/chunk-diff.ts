import type { Tree, TreeFile } from "@locum/contracts";

/** What turns one tree into another. `chunks` are the numbers of the 8 MiB pieces that differ. */
export type TreeDiff = {
  added: string[];
  removed: string[];
  changed: { path: string; chunks: number[] }[];
};

export function diffTrees(source: Tree, target: Tree): TreeDiff {
  const before = new Map(source.files.map((file) => [file.path, file]));
  const diff: TreeDiff = { added: [], removed: [], changed: [] };
  for (const after of target.files) {
    const file = before.get(after.path);
    before.delete(after.path);
    if (!file) diff.added.push(after.path);
    else if (file.digest !== after.digest || file.size !== after.size)
      diff.changed.push({ path: after.path, chunks: diffChunks(file, after) });
  }
  diff.removed.push(...before.keys());
  return diff;
}

function diffChunks(before: TreeFile, after: TreeFile): number[] {
  const count = Math.max(before.chunks.length, after.chunks.length);
  return Array.from({ length: count }, (_, chunk) => chunk).filter(
    (chunk) => before.chunks[chunk] !== after.chunks[chunk],
  );
}
