import type { ByteSource } from "../byte-source.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";

const pieceBytes = 1 << 20;

/** Whether a stored pack is, byte for byte, the one that its name says. Needs no key: a scrub for anybody. */
export async function isPackIntact(source: ByteSource, id: string, hash: KeyedHash): Promise<boolean> {
  const hasher = hash.hasher();
  for (let at = 0; at < source.size; at += pieceBytes)
    hasher.update(await source.read(at, Math.min(pieceBytes, source.size - at)));
  return Buffer.from(hasher.digest()).toString("hex") === id;
}
