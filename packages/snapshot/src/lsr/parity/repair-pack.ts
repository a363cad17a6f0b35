import type { Fault } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import { type Damage, isGood, readDataBlock, readParityBlock } from "./find-damage.ts";
import { invert, powerOfTwo } from "./galois.ts";
import type { Parity } from "./parse-parity.ts";
import { createStripeSums, type StripeSums } from "./stripe-sums.ts";

export type Repair = {
  /** The pack's bytes in order, cut to its length; lost blocks that did not come back are as they were found, zeros if not readable. */
  parts: Uint8Array[];
  damage: Damage;
  /** Stripes with more lost blocks than parity can give back. */
  lost: { stripe: number; blocks: number[] }[];
};

/**
 * The whole pack again, in parts, equal to what its name says. Holds the pack in memory, as who wrote it did.
 * @throws Fault snapshot-corrupt: too many blocks of a stripe are lost, the message says which, or the parity is of
 *   another pack · upstream-unreachable · refused
 */
export async function repairPack(
  pack: ByteSource,
  parity: Parity,
  { packId, hash }: { packId: string; hash: KeyedHash },
): Promise<{ parts: Uint8Array[]; damage: Damage }> {
  if (parity.packId !== packId) throw corrupt(`the parity is of pack ${parity.packId}, not of ${packId}`);
  const { parts, damage, lost } = await repairStripes(pack, parity, hash);
  if (lost.length > 0) throw tooMuchLost(parity, lost);
  if (Buffer.from(digestOf(hash, parts)).toString("hex") !== packId)
    throw corrupt(`the repaired bytes are not those of pack ${packId}: they were not used`);
  return { parts, damage };
}

/**
 * As much of a pack as its parity gives back, which may be less than all. Reads both once.
 * @throws Fault upstream-unreachable · refused
 */
export async function repairStripes(pack: ByteSource, parity: Parity, hash: KeyedHash): Promise<Repair> {
  const surplusBytes = pack.size - parity.packBytes;
  const repair: Repair = { parts: [], damage: { data: [], parity: [], surplusBytes }, lost: [] };
  const sums = createStripeSums();
  for (let stripe = 0; stripe < parity.counts.stripes; stripe++) {
    const { found, gaps, rows, lostRows } = await readStripe(pack, parity, stripe, hash);
    const blocks = gaps.map((place) => stripe * parity.k + place);
    repair.damage.data.push(...blocks);
    repair.damage.parity.push(...lostRows);
    if (gaps.length > rows.length) repair.lost.push({ stripe, blocks });
    else if (gaps.length > 0) fill(found, { gaps, rows: rows.slice(0, gaps.length), sums });
    // One wrong byte loses a block: where it does not come back, the records around the byte may still be good.
    for (const block of found) repair.parts.push(block ?? new Uint8Array(parity.blockBytes));
  }
  const zeros = parity.counts.data * parity.blockBytes - parity.packBytes;
  const last = repair.parts.pop();
  if (last) repair.parts.push(last.subarray(0, last.length - zeros));
  return repair;
}

/** A parity block that is good, and its row: block `place` of the stripe has the factor 2^(place * row) in it. */
type Row = { row: number; bytes: Uint8Array };

type Stripe = {
  /** Every data block as it was found. */
  found: (Uint8Array | undefined)[];
  /** Places in the stripe of those that are lost. */
  gaps: number[];
  rows: Row[];
  /** Numbers of the lost parity blocks. */
  lostRows: number[];
};

async function readStripe(
  pack: ByteSource,
  parity: Parity,
  stripe: number,
  hash: KeyedHash,
): Promise<Stripe> {
  const { counts, k, m } = parity;
  const read: Stripe = { found: [], gaps: [], rows: [], lostRows: [] };
  for (let n = stripe * k; n < Math.min((stripe + 1) * k, counts.data); n++) {
    const block = await readDataBlock(pack, parity, n);
    if (!isGood(block, parity.dataHash(n), hash)) read.gaps.push(read.found.length);
    read.found.push(block);
  }
  for (let row = 0; row < m; row++) {
    const n = stripe * m + row;
    const bytes = await readParityBlock(parity, n);
    if (bytes && isGood(bytes, parity.parityHash(n), hash)) read.rows.push({ row, bytes });
    else read.lostRows.push(n);
  }
  return read;
}

/**
 * Each parity block minus its share of the blocks that are there is a sum of the lost ones alone; as many such sums as
 * lost blocks, with factors 2^(place * row) that make an invertible matrix, give those back.
 */
function fill(
  blocks: Stripe["found"],
  { gaps, rows, sums }: { gaps: number[]; rows: Row[]; sums: StripeSums },
): void {
  const blockBytes = rows[0]?.bytes.length ?? 0;
  sums.clear(rows.length, blockBytes);
  for (const [place, block] of blocks.entries()) {
    const factors = rows.map(({ row }) => powerOfTwo(place * row));
    if (block && !gaps.includes(place)) sums.add(block, factors);
  }
  for (const [index, { bytes }] of rows.entries()) {
    const factors = rows.map((_, other) => (other === index ? 1 : 0));
    sums.add(bytes, factors);
  }
  const rests = rows.map((_, index) => sums.take(index));
  const solution = invert(rows.map(({ row }) => gaps.map((place) => powerOfTwo(place * row))));
  sums.clear(gaps.length, blockBytes);
  for (const [index, rest] of rests.entries()) {
    const factors = solution.map((factors) => factors[index] ?? 0);
    sums.add(rest, factors);
  }
  for (const [index, place] of gaps.entries()) blocks[place] = sums.take(index);
}

export function tooMuchLost({ packId, m }: Parity, lost: Repair["lost"]): Fault {
  const which = lost.map(
    ({ stripe, blocks }) => `${blocks.length} of stripe ${stripe} (${blocks.join(", ")})`,
  );
  return corrupt(
    `pack ${packId} has lost more blocks than its parity gives back, which is ${m} a stripe: ${which.join("; ")}`,
  );
}
