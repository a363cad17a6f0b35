import type { Fault } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import { type Damage, findDamage, readDataBlock, readParityBlock } from "./find-damage.ts";
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

/** As much of a pack as its parity gives back, which may be less than all. @throws Fault upstream-unreachable · refused */
export async function repairStripes(pack: ByteSource, parity: Parity, hash: KeyedHash): Promise<Repair> {
  const damage = await findDamage(pack, parity, hash);
  const isLost = { data: new Set(damage.data), parity: new Set(damage.parity) };
  const sums = createStripeSums();
  const parts: Uint8Array[] = [];
  const lost: Repair["lost"] = [];
  for (let stripe = 0; stripe < parity.counts.stripes; stripe++) {
    const blocks = await readStripe(pack, parity, stripe, isLost.data);
    const rows = rowsOf(parity, stripe).filter(({ block }) => !isLost.parity.has(block));
    const gaps = [...blocks.keys()].filter((place) => blocks[place] === undefined);
    if (gaps.length > rows.length)
      lost.push({ stripe, blocks: gaps.map((place) => stripe * parity.k + place) });
    else if (gaps.length > 0) await fill(blocks, { gaps, rows: rows.slice(0, gaps.length), parity, sums });
    for (const [place, block] of blocks.entries()) {
      // One wrong byte loses a block; the records around it may be good.
      const found = block ?? (await readDataBlock(pack, parity, stripe * parity.k + place));
      parts.push(found ?? new Uint8Array(parity.blockBytes));
    }
  }
  const surplus = parity.counts.data * parity.blockBytes - parity.packBytes;
  const last = parts.pop();
  if (last) parts.push(last.subarray(0, last.length - surplus));
  return { parts, damage, lost };
}

type Blocks = (Uint8Array | undefined)[];
/** A parity block of a stripe: its number in the file, and whose power of two it is the sum with. */
type Row = { row: number; block: number };

async function readStripe(
  pack: ByteSource,
  parity: Parity,
  stripe: number,
  isLost: ReadonlySet<number>,
): Promise<Blocks> {
  const blocks: Blocks = [];
  const end = Math.min((stripe + 1) * parity.k, parity.counts.data);
  for (let n = stripe * parity.k; n < end; n++)
    blocks.push(isLost.has(n) ? undefined : await readDataBlock(pack, parity, n));
  return blocks;
}

const rowsOf = ({ m }: Parity, stripe: number): Row[] =>
  Array.from({ length: m }, (_, row) => ({ row, block: stripe * m + row }));

/**
 * Each parity block minus its share of the blocks that are there is a sum of the lost ones alone; as many such sums as
 * lost blocks, with factors 2^(place * row) that make an invertible matrix, give those back.
 */
async function fill(
  blocks: Blocks,
  { gaps, rows, parity, sums }: { gaps: number[]; rows: Row[]; parity: Parity; sums: StripeSums },
): Promise<void> {
  sums.clear(rows.length, parity.blockBytes);
  for (const [place, block] of blocks.entries())
    if (block)
      sums.add(
        block,
        rows.map(({ row }) => powerOfTwo(place * row)),
      );
  for (const [index, { block }] of rows.entries()) {
    const bytes = await readParityBlock(parity, block);
    // It was read a moment ago; whatever comes out without it is not the pack, and the pack's name says so.
    if (bytes)
      sums.add(
        bytes,
        rows.map((_, other) => (other === index ? 1 : 0)),
      );
  }
  const rests = rows.map((_, index) => sums.take(index));
  const solution = invert(rows.map(({ row }) => gaps.map((place) => powerOfTwo(place * row))));
  sums.clear(gaps.length, parity.blockBytes);
  for (const [index, rest] of rests.entries())
    sums.add(
      rest,
      solution.map((factors) => factors[index] ?? 0),
    );
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
