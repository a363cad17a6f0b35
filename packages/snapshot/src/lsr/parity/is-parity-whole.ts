import type { ByteSource } from "../byte-source.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { findParityDamage } from "./find-damage.ts";
import { parseParity } from "./parse-parity.ts";

/**
 * Whether a parity file is the one of that pack, by its own hashes: without the pack, which may be damaged.
 * @throws Fault snapshot-corrupt: its head is · snapshot-missing · upstream-unreachable · refused
 */
export async function isParityWhole(source: ByteSource, packId: string, hash: KeyedHash): Promise<boolean> {
  const parity = await parseParity(source, hash);
  return parity.packId === packId && (await findParityDamage(parity, hash)).length === 0;
}
