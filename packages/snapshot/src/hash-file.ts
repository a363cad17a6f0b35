import { type TreeFile, treeChunkBytes } from "@locum/contracts";
import type { Fs, FsHandle } from "./fs.ts";
import type { Pace } from "./pace.ts";
import { type Stamp, stampOf } from "./stamp.ts";

export type HashedFile = Omit<TreeFile, "path">;

/**
 * Hashes one file by chunks. Gives undefined when the file changed while it was read (its stamp before and after
 * differ from `stamp`): a digest of half old and half new bytes is a digest of nothing.
 */
export async function hashFile(
  fs: Fs,
  path: string,
  { stamp, pace, signal }: { stamp: Stamp; pace: Pace; signal?: AbortSignal | undefined },
): Promise<HashedFile | undefined> {
  const handle = await fs.open(path, "r");
  try {
    const before = await handle.stat();
    if (stampOf(before) !== stamp) return undefined;
    const chunks: string[] = [];
    const buffer = chunkBuffer(before.size);
    for (let offset = 0; offset < before.size; offset += treeChunkBytes) {
      signal?.throwIfAborted();
      await pace(Math.min(treeChunkBytes, before.size - offset));
      chunks.push(await sha256(buffer.subarray(0, await handle.read(buffer, offset))));
    }
    if (stampOf(await handle.stat()) !== stamp) return undefined;
    return { size: before.size, digest: await fileDigest(chunks), chunks };
  } finally {
    await handle.close();
  }
}

/** One chunk of an open file, or undefined when the file ends before it. The buffer is reused by the caller. */
export async function readChunk(
  handle: FsHandle,
  buffer: Uint8Array<ArrayBuffer>,
  chunk: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const count = await handle.read(buffer, chunk * treeChunkBytes);
  return count === 0 ? undefined : buffer.subarray(0, count);
}

/** A small model must not cost 8 MiB of memory beside the requests. */
export const chunkBuffer = (size: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Math.min(size, treeChunkBytes));

export const fileDigest = (chunks: readonly string[]): Promise<string> =>
  sha256(Uint8Array.from(Buffer.from(chunks.join(""), "hex")));

/** subtle.digest works in the thread pool: the event loop carries requests meanwhile. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
}
