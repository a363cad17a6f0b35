import { createCipheriv } from "node:crypto";
import { deriveKey } from "../crypto/derive-key.ts";

/** Secret per repository: with a public table, the lengths of chunks would name a public file. */
export function gearTable(idKey: Uint8Array, repositoryId: Uint8Array): Uint32Array {
  const key = deriveKey(idKey, repositoryId, "lsr1 gear");
  const stream = createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(1024));
  return Uint32Array.from({ length: 256 }, (_, byte) => stream.readUInt32LE(4 * byte));
}

const [chunkMin, chunkUsual, chunkMax] = [64 << 10, 256 << 10, 1 << 20];
/** A byte's share of the hash is shifted out after 32 more: from there the hash forgets where the chunk began. */
const memory = 32;

/**
 * Where the first chunk of `bytes` ends: Gear (Xia et al., USENIX ATC'16) with a stricter mask before the usual length
 * and a laxer one after it. `bytes` holds at least 1 MiB unless the file ends with it.
 */
export function gearCut(bytes: Uint8Array, table: Uint32Array): number {
  const end = Math.min(bytes.length, chunkMax);
  if (end <= chunkMin) return end;
  let [hash, at] = [0, chunkMin - memory];
  for (; at < chunkMin; at++) hash = ((hash << 1) + (table[bytes[at] ?? 0] ?? 0)) | 0;
  for (const [until, mask] of [
    [Math.min(end, chunkUsual), 0xfffff000 | 0],
    [end, 0xffff0000 | 0],
  ] as const)
    for (; at < until; at++) {
      hash = ((hash << 1) + (table[bytes[at] ?? 0] ?? 0)) | 0;
      if ((hash & mask) === 0) return at + 1;
    }
  return end;
}
