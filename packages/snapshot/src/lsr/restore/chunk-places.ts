import { join } from "node:path";
import type { Fs } from "../../fs.ts";
import { withFsFaults } from "../../fs-fault.ts";
import { chunkRefs, type ManifestFile } from "../manifest/manifest-body.ts";
import { createChunkTable } from "../repository/chunk-table.ts";
import { readAt } from "./scan-chunks.ts";

export type ChunkPlaces = {
  add(chunkId: Uint8Array, place: { root: string; path: string; start: number }): void;
  has(chunkId: Uint8Array): boolean;
  /** The bytes in the first of its places that is there, unchecked. */
  read(chunkId: Uint8Array, plainLength: number): Promise<Uint8Array | undefined>;
};

/** Which file has which chunk, and where: about 60 bytes a chunk. Files are opened for each reading. */
export function createChunkPlaces(fs: Fs): ChunkPlaces {
  const table = createChunkTable(3);
  const paths: string[] = [];
  const numbers = new Map<string, number>();

  function numberOf(path: string): number {
    const number = numbers.get(path) ?? paths.push(path) - 1;
    numbers.set(path, number);
    return number;
  }

  return {
    add: (chunkId, { root, path, start }) =>
      void table.add(chunkId, [numberOf(join(root, path)), start % 2 ** 32, Math.floor(start / 2 ** 32)]),
    has: (chunkId) => !table.rowsOf(chunkId).next().done,
    async read(chunkId, plainLength) {
      for (const row of table.rowsOf(chunkId)) {
        const path = paths[table.number(row, 0)] ?? "";
        const start = table.number(row, 1) + table.number(row, 2) * 2 ** 32;
        const bytes = await withFsFaults(`reading ${path}`, () => readAt(fs, path, start, plainLength));
        if (bytes) return bytes;
      }
      return undefined;
    },
  };
}

/** Every chunk of the files, in its place below `root`: nothing is read yet. */
export function placesOf(fs: Fs, root: string, files: readonly ManifestFile[]): ChunkPlaces {
  const places = createChunkPlaces(fs);
  for (const file of files) {
    let start = 0;
    for (const { chunkId, plainLength } of chunkRefs(file)) {
      places.add(chunkId, { root, path: file.path, start });
      start += plainLength;
    }
  }
  return places;
}
