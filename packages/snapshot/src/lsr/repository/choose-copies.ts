import { codecId } from "../codec/codec-id.ts";
import type { IndexedChunk } from "./chunk-index.ts";
import type { ChunkTable } from "./chunk-table.ts";
import type { LoadedIndex } from "./load-index.ts";

/** Of each pack that has one, the ordinals of the records that are to stay. */
export type Copies = { kept: Map<string, Set<number>>; missing: number };

/**
 * For each needed chunk the one copy that stays: outside of announced garbage, whole before a difference, then the
 * youngest, so that a pack that was written anew makes the old one garbage even if its writer stopped in between. A base
 * must be whole: a difference against a difference could not be read.
 */
export function chooseCopies(
  needed: ChunkTable,
  { index, packs, garbage }: Pick<LoadedIndex, "index" | "packs" | "garbage">,
): Copies {
  const kept: Copies["kept"] = new Map();
  let missing = 0;
  const ageOf = (pack: string) => packs.get(pack)?.modifiedMs ?? 0;
  const isBefore = (a: IndexedChunk, b: IndexedChunk): boolean => {
    if (garbage.has(a.pack) !== garbage.has(b.pack)) return garbage.has(b.pack);
    if (isDelta(a) !== isDelta(b)) return isDelta(b);
    if (ageOf(a.pack) !== ageOf(b.pack)) return ageOf(a.pack) > ageOf(b.pack);
    return a.pack < b.pack;
  };

  function keep(copies: readonly IndexedChunk[]): IndexedChunk | undefined {
    const [first] = copies;
    if (!first) {
      missing++;
      return undefined;
    }
    const best = copies.reduce((best, copy) => (isBefore(copy, best) ? copy : best), first);
    const ordinals = kept.get(best.pack) ?? new Set();
    kept.set(best.pack, ordinals.add(best.ordinal));
    return best;
  }

  for (let row = 0; row < needed.rows(); row++) {
    const best = keep(index.find(needed.id(row)));
    if (best?.base) keep(index.find(best.base).filter((copy) => !isDelta(copy)));
  }
  return { kept, missing };
}

const isDelta = ({ codec }: IndexedChunk): boolean => codec === codecId.delta;
