import { chunkRefs, type ManifestFile } from "../manifest/manifest-body.ts";
import type { Chunks } from "./open-chunks.ts";

/** Bytes of a file of a snapshot, out of the chunks that they lie in. @throws as `Chunks.read` */
export async function readRange(
  chunks: Pick<Chunks, "read">,
  file: ManifestFile,
  { start, length }: { start: number; length: number },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let chunkStart = 0;
  for (const { chunkId, plainLength } of chunkRefs(file)) {
    const from = Math.max(start, chunkStart) - chunkStart;
    const to = Math.min(start + length, chunkStart + plainLength) - chunkStart;
    if (from < to) parts.push((await chunks.read(chunkId)).subarray(from, to));
    chunkStart += plainLength;
  }
  return Buffer.concat(parts);
}
