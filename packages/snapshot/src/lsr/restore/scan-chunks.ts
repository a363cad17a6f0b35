import { setImmediate } from "node:timers/promises";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import { chunkRefs, type ManifestFile } from "../manifest/manifest-body.ts";

/** Whether these bytes are the chunk. A port, so that a worker can do the hashing. */
export type IsChunk = (chunkId: Uint8Array, bytes: Uint8Array) => boolean | Promise<boolean>;

export type FoundChunk = { place: number; chunkId: Uint8Array; start: number; plainLength: number };

/**
 * The chunks of a manifest's file that the file at `path` has in their places. A file that is shorter, or none, has
 * fewer; what cannot be read is not there. The path's links are followed: bytes prove themselves.
 */
export async function* scanChunks(
  path: string,
  file: ManifestFile,
  { fs, isChunk, signal }: { fs: Fs; isChunk: IsChunk; signal?: AbortSignal | undefined },
): AsyncGenerator<FoundChunk> {
  const real = await ifThere(fs.realpath(path));
  if (real === undefined || (await ifThere(fs.lstat(real)))?.kind !== "file") return;
  const handle = await ifThere(fs.open(real, "r"));
  if (!handle) return;
  try {
    const { size } = await handle.stat();
    let start = 0;
    for (const [place, { chunkId, plainLength }] of chunkRefs(file).entries()) {
      if (start + plainLength > size) return;
      signal?.throwIfAborted();
      const bytes = new Uint8Array(plainLength);
      if ((await handle.read(bytes, start)) === plainLength && (await isChunk(chunkId, bytes)))
        yield { place, chunkId, start, plainLength };
      start += plainLength;
      // Hashing holds the loop for a third of a millisecond a chunk: others get their turn in between.
      await setImmediate();
    }
  } finally {
    await handle.close();
  }
}
