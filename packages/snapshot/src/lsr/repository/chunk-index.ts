import { codecId } from "../codec/codec-id.ts";
import type { Entry } from "../pack/entries.ts";
import { type ChunkTable, createChunkTable } from "./chunk-table.ts";
import type { PackEntries } from "./index-segment.ts";

/** Where a copy of a chunk lies. */
export type IndexedChunk = Entry & { pack: string; ordinal: number };

/**
 * Every chunk of the repository and the places of its copies, in about 65 bytes a copy: a terabyte of weights, a
 * million chunks, in 65 MB.
 */
export type ChunkIndex = {
  has(chunkId: Uint8Array): boolean;
  /** Whether it can be read from these packs alone: a copy is whole, or the base of its difference is there. */
  isReadable(chunkId: Uint8Array): boolean;
  /** Every copy, in no order. */
  find(chunkId: Uint8Array): IndexedChunk[];
  /** Whether a difference may be stored against it: some copy of it is no difference itself. */
  isBase(chunkId: Uint8Array): boolean;
  packs(): IterableIterator<string>;
  hasPack(pack: string): boolean;
  /** The records of a pack, in their order. */
  entriesOf(pack: string): Entry[];
  /** Copies, not chunks. */
  size(): number;
  /** A pack that is there is passed over. */
  addPack(pack: PackEntries): void;
  /**
   * An index of those of its packs, and of what is added to it later. They share their memory, not what they say: a
   * pack that one of them gains or is without changes nothing in the other.
   */
  only(packs: Iterable<string>): ChunkIndex;
};

/** Of a row: which pack, place in it, offset, length, codec and plain length in one word. */
const numbersPerRow = 5;
const last = numbersPerRow - 1;

export function createChunkIndex(): ChunkIndex {
  return viewOf({ table: createChunkTable(numbersPerRow), packs: new Map(), packIds: [], bases: new Map() });
}

/** Rows are added, never taken away: who is without a pack does not see its rows. */
type Rows = {
  table: ChunkTable;
  packs: Map<string, { number: number; first: number; count: number }>;
  packIds: string[];
  bases: Map<number, Uint8Array>;
};

/** So many rows that no view of a series of them shows are nothing; beyond, and above the others, they are left behind. */
const unseenMax = 10_000;

function viewOf(rows: Rows): ChunkIndex {
  const { table, packs, packIds, bases } = rows;
  const seen = new Set<number>();
  let size = 0;

  function* rowsOf(chunkId: Uint8Array): Generator<number> {
    for (const row of table.rowsOf(chunkId)) if (seen.has(table.number(row, 0))) yield row;
  }

  function isBase(chunkId: Uint8Array): boolean {
    for (const row of rowsOf(chunkId)) if (table.number(row, last) >>> 24 !== codecId.delta) return true;
    return false;
  }

  const entryAt = (row: number): Entry => entryOf(rows, row);
  const placeOf = (pack: string) => {
    const place = packs.get(pack);
    return place && seen.has(place.number) ? place : undefined;
  };

  function addPack(pack: PackEntries): void {
    const place = packs.get(pack.pack) ?? addRows(rows, pack);
    if (seen.has(place.number)) return;
    seen.add(place.number);
    size += place.count;
  }

  return {
    has: (chunkId) => !rowsOf(chunkId).next().done,
    isReadable(chunkId) {
      for (const row of rowsOf(chunkId)) {
        const base = bases.get(row);
        if (!base || isBase(base)) return true;
      }
      return false;
    },
    find: (chunkId) =>
      Array.from(rowsOf(chunkId), (row) => ({
        ...entryAt(row),
        pack: packIds[table.number(row, 0)] ?? "",
        ordinal: table.number(row, 1),
      })),
    isBase,
    *packs() {
      for (const number of seen) yield packIds[number] ?? "";
    },
    hasPack: (pack) => placeOf(pack) !== undefined,
    entriesOf(pack) {
      const { first = 0, count = 0 } = placeOf(pack) ?? {};
      return Array.from({ length: count }, (_, n) => entryAt(first + n));
    },
    size: () => size,
    addPack,
    only(wanted) {
      const some = [...wanted].filter((pack) => placeOf(pack));
      const kept = some.reduce((sum, pack) => sum + (placeOf(pack)?.count ?? 0), 0);
      const isSparse = table.rows() - kept > Math.max(kept, unseenMax);
      const view = isSparse ? createChunkIndex() : viewOf(rows);
      for (const pack of some) view.addPack({ pack, entries: isSparse ? this.entriesOf(pack) : noEntries });
      return view;
    },
  };
}

/** Of a pack whose rows are there already. */
const noEntries: readonly Entry[] = [];

function addRows({ table, packs, packIds, bases }: Rows, { pack, entries }: PackEntries) {
  const number = packIds.push(pack) - 1;
  const place = { number, first: table.rows(), count: entries.length };
  packs.set(pack, place);
  for (const [ordinal, { chunkId, offset, length, plainLength, codec, base }] of entries.entries()) {
    const row = table.add(chunkId, [number, ordinal, offset, length, (codec << 24) | plainLength]);
    if (base) bases.set(row, Uint8Array.from(base));
  }
  return place;
}

function entryOf({ table, bases }: Rows, row: number): Entry {
  const [offset, length, kind] = [2, 3, last].map((place) => table.number(row, place));
  const base = bases.get(row);
  return {
    chunkId: table.id(row),
    offset: offset ?? 0,
    length: length ?? 0,
    codec: (kind ?? 0) >>> 24,
    plainLength: (kind ?? 0) & 0xffffff,
    ...(base && { base }),
  };
}
