import { codecId } from "../codec/codec-id.ts";
import type { Entry } from "../pack/entries.ts";
import { createChunkTable } from "./chunk-table.ts";
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
};

/** Of a row: which pack, place in it, offset, length, codec and plain length in one word. */
const numbersPerRow = 5;
const last = numbersPerRow - 1;

export function createChunkIndex(): ChunkIndex {
  const table = createChunkTable(numbersPerRow);
  const packs = new Map<string, { first: number; count: number }>();
  const packIds: string[] = [];
  const bases = new Map<number, Uint8Array>();

  function isBase(chunkId: Uint8Array): boolean {
    for (const row of table.rowsOf(chunkId))
      if (table.number(row, last) >>> 24 !== codecId.delta) return true;
    return false;
  }

  function entryAt(row: number): Entry {
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

  const chunkAt = (row: number): IndexedChunk => ({
    ...entryAt(row),
    pack: packIds[table.number(row, 0)] ?? "",
    ordinal: table.number(row, 1),
  });

  return {
    has: (chunkId) => !table.rowsOf(chunkId).next().done,
    isReadable(chunkId) {
      for (const row of table.rowsOf(chunkId)) {
        const base = bases.get(row);
        if (!base || isBase(base)) return true;
      }
      return false;
    },
    find: (chunkId) => Array.from(table.rowsOf(chunkId), chunkAt),
    isBase,
    packs: () => packs.keys(),
    hasPack: (pack) => packs.has(pack),
    entriesOf(pack) {
      const { first = 0, count = 0 } = packs.get(pack) ?? {};
      return Array.from({ length: count }, (_, n) => entryAt(first + n));
    },
    size: () => table.rows(),
    addPack({ pack, entries }) {
      if (packs.has(pack)) return;
      packs.set(pack, { first: table.rows(), count: entries.length });
      const number = packIds.push(pack) - 1;
      for (const [ordinal, { chunkId, offset, length, plainLength, codec, base }] of entries.entries()) {
        const row = table.add(chunkId, [number, ordinal, offset, length, (codec << 24) | plainLength]);
        if (base) bases.set(row, Uint8Array.from(base));
      }
    },
  };
}
