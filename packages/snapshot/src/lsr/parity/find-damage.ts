import type { ByteSource } from "../byte-source.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import type { Parity } from "./parse-parity.ts";
import { readBlock } from "./read-block.ts";

export type Damage = {
  /** Numbers of the pack's blocks that are lost, ascending. */
  data: number[];
  /** Numbers of the parity file's blocks that are lost, ascending. */
  parity: number[];
  /** So many bytes the pack is too long; too short, if negative. */
  surplusBytes: number;
};

/** Reads pack and parity once. @throws Fault upstream-unreachable · refused: the storage does not answer */
export async function findDamage(pack: ByteSource, parity: Parity, hash: KeyedHash): Promise<Damage> {
  const data: number[] = [];
  for (let n = 0; n < parity.counts.data; n++)
    if (!isGood(await readDataBlock(pack, parity, n), parity.dataHash(n), hash)) data.push(n);
  return { data, parity: await findParityDamage(parity, hash), surplusBytes: pack.size - parity.packBytes };
}

/** The lost blocks of the parity file alone. @throws Fault upstream-unreachable · refused */
export async function findParityDamage(parity: Parity, hash: KeyedHash): Promise<number[]> {
  const lost: number[] = [];
  for (let n = 0; n < parity.counts.parity; n++)
    if (!isGood(await readParityBlock(parity, n), parity.parityHash(n), hash)) lost.push(n);
  return lost;
}

export const isGood = (block: Uint8Array | undefined, expected: Uint8Array, hash: KeyedHash): boolean =>
  block !== undefined && Buffer.compare(digestOf(hash, [block]), expected) === 0;

export const isWhole = ({ data, surplusBytes }: Damage): boolean => data.length === 0 && surplusBytes === 0;

export const readDataBlock = (pack: ByteSource, { blockBytes, packBytes }: Parity, n: number) =>
  readBlock(pack, { at: n * blockBytes, length: blockBytes, end: packBytes });

export function readParityBlock({ source, blockBytes, counts }: Parity, n: number) {
  const at = counts.headBytes + n * blockBytes;
  return readBlock(source, { at, length: blockBytes, end: at + blockBytes });
}
