import { createCipheriv } from "node:crypto";
import { deriveKey } from "../crypto/derive-key.ts";
import { kernels, places } from "../kernels/kernels.ts";
import { limits } from "../limits.ts";

/** Secret per repository: with a public table, the lengths of chunks would name a public file. */
export function gearTable(idKey: Uint8Array, repositoryId: Uint8Array): Uint32Array {
  const key = deriveKey(idKey, repositoryId, "lsr1 gear");
  const stream = createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(1024));
  return Uint32Array.from({ length: 256 }, (_, byte) => stream.readUInt32LE(4 * byte));
}

/**
 * Where the first chunk of `bytes` ends: Gear (Xia et al., USENIX ATC'16), none before 64 KiB, with a stricter mask before
 * the usual 256 KiB and a laxer one after it, at 1 MiB in any case. `bytes` holds at least 1 MiB unless the file ends with
 * it. A byte's share of the hash is shifted out after 32 more: there the hash forgets where the chunk began.
 */
export function gearCut(bytes: Uint8Array, table: Uint32Array): number {
  const room = kernels();
  const length = Math.min(bytes.length, limits.chunk);
  room.words.set(table, places.gear / 4);
  room.bytes.set(bytes.subarray(0, length), places.input);
  return room.gearCut(places.input, length, places.gear);
}
