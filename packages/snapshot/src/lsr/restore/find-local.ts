import { join } from "node:path";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { type ChunkPlaces, createChunkPlaces } from "./chunk-places.ts";
import type { ExpectedTree } from "./expected-tree.ts";
import { type Look, scanChunks } from "./scan-chunks.ts";

export type LocalBytes = {
  places: ChunkPlaces;
  /** Files that are right as a whole: path in the tree to path on the disk. */
  whole: Map<string, string>;
};

/** Which bytes of the tree lie in these folders in their places, every file read once in each that may be needed. */
export async function findLocal(
  roots: readonly string[],
  tree: ExpectedTree,
  look: Look,
): Promise<LocalBytes> {
  const places = createChunkPlaces(look.fs);
  const whole = new Map<string, string>();
  for (const root of roots) {
    if (!(await ifThere(look.fs.lstat(root)))) continue;
    for (const file of tree.files) {
      if (whole.has(file.path)) continue;
      const path = join(root, file.path);
      let good = 0;
      await scanChunks(path, file, look, ({ chunkId, start }) => {
        good++;
        if (!places.has(chunkId)) places.add(chunkId, { root, path: file.path, start });
      });
      if (good > 0 && good === chunkRefs(file).length && (await sizeOf(look.fs, path)) === file.size)
        whole.set(file.path, path);
    }
  }
  return { places, whole };
}

const sizeOf = async (fs: Fs, path: string): Promise<number | undefined> => {
  const real = await ifThere(fs.realpath(path));
  return real === undefined ? undefined : (await ifThere(fs.lstat(real)))?.size;
};
