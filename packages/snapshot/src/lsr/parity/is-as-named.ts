import { Fault } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { isGood } from "./find-damage.ts";
import type { Parity } from "./parse-parity.ts";

/**
 * Whether a pack, its name and every hash of its blocks in its parity agree: what is the case nearly always, found out by
 * one reading into the same memory. Where it is not, or the storage does not read all of it, it does not say why.
 * @throws Fault upstream-unreachable · refused
 */
export async function isAsNamed(
  pack: ByteSource,
  parity: Parity,
  { packId, hash }: { packId: string; hash: KeyedHash },
): Promise<boolean> {
  const { blockBytes, packBytes, counts } = parity;
  if (pack.size !== packBytes) return false;
  const hasher = hash.hasher();
  const room = new Uint8Array(blockBytes);
  try {
    for (let n = 0; n < counts.data; n++) {
      const there = Math.min(blockBytes, packBytes - n * blockBytes);
      const bytes = await pack.read(n * blockBytes, there, room);
      if (bytes.buffer !== room.buffer) room.set(bytes);
      room.fill(0, there);
      hasher.update(room.subarray(0, there));
      if (!isGood(room, parity.dataHash(n), hash)) return false;
    }
  } catch (error) {
    if (
      error instanceof Fault &&
      ["storage-failed", "snapshot-corrupt", "snapshot-missing"].includes(error.code)
    )
      return false;
    throw error;
  }
  return Buffer.from(hasher.digest()).toString("hex") === packId;
}
