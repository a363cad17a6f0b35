import { assert, Fault } from "@locum/contracts";
import { emptyRoot, nodeHash } from "./merkle-hash.ts";
import { consistencyRanges, inclusionRanges, type Range, splitOf } from "./proof-ranges.ts";
import { edgeTiles, hashBytes, type TileRef, tileNode, tileWidth } from "./tile.ts";

export type Tile = TileRef & { bytes: Buffer };

/**
 * A Merkle tree (RFC 6962) that grows at its right edge. Only that edge and the tiles that nobody has stored yet are
 * in memory: 32 bytes a record until `stored` is told, and then nothing.
 */
export type TileTree = {
  size(): number;
  root(): Buffer;
  push(leaf: Buffer): void;
  /** What a store lacks to serve the tree as it stands: full tiles, then the edge. */
  unstored(): Tile[];
  /** These full tiles can be read from the store now. */
  stored(tiles: readonly Tile[]): void;
  /** @throws Fault storage-failed where a tile cannot be read */
  inclusion(index: number, size?: number): Promise<Buffer[]>;
  consistency(old: number, size?: number): Promise<Buffer[]>;
  rootAt(size: number): Promise<Buffer>;
};

type ReadTile = (tile: TileRef) => Promise<Buffer | undefined>;

/** `edge` are the tiles of `edgeTiles(size)` with their bytes. */
export function createTileTree({
  read,
  size: start = 0,
  edge = [],
}: {
  read: ReadTile;
  size?: number;
  edge?: readonly Tile[];
}): TileTree {
  let size = start;
  const levels: Buffer[][] = [];
  for (const tile of edge) levels[tile.level] = hashesOf(tile.bytes);
  const fresh = new Map<string, Tile>();

  const add = (level: number, index: number, hash: Buffer): void => {
    levels[level] ??= [];
    const row = levels[level];
    row.push(hash);
    if (row.length < tileWidth) return;
    const bytes = Buffer.concat(row);
    const tile = { level, index: Math.floor(index / tileWidth), width: tileWidth, bytes };
    fresh.set(keyOf(tile), tile);
    levels[level] = [];
    add(level + 1, tile.index, tileNode(bytes, 0, tileWidth));
  };
  const tileAt = async (level: number, index: number): Promise<Buffer> => {
    const known = fresh.get(keyOf({ level, index }));
    if (known) return known.bytes;
    if (index === countAt(size, level)) return Buffer.concat(levels[level] ?? []);
    const bytes = await read({ level, index, width: tileWidth });
    if (bytes?.length === tileWidth * hashBytes) return bytes;
    throw new Fault("storage-failed", `tile ${index} of level ${level} is not there`);
  };
  const rangeHash = async ({ start: from, end }: Range): Promise<Buffer> => {
    const count = end - from;
    const split = splitOf(count);
    if (count > 1 && split * 2 !== count)
      return nodeHash(
        await rangeHash({ start: from, end: from + split }),
        await rangeHash({ start: from + split, end }),
      );
    let level = 0;
    let unit = 1;
    for (; unit * tileWidth <= count; unit *= tileWidth) level += 1;
    const first = from / unit;
    return tileNode(
      await tileAt(level, Math.floor(first / tileWidth)),
      first % tileWidth,
      Math.min(count / unit, tileWidth),
    );
  };
  const hashes = async (ranges: readonly Range[]): Promise<Buffer[]> => {
    const found: Buffer[] = [];
    for (const range of ranges) found.push(await rangeHash(range));
    return found;
  };

  return {
    size: () => size,
    root: () => edgeRoot(levels),
    push(leaf) {
      assert(leaf.length === hashBytes, "a leaf is a hash");
      add(0, size, leaf);
      size += 1;
    },
    unstored: () => [
      ...fresh.values(),
      ...edgeTiles(size).map((tile) => ({ ...tile, bytes: Buffer.concat(levels[tile.level] ?? []) })),
    ],
    stored(tiles) {
      for (const tile of tiles) if (tile.width === tileWidth) fresh.delete(keyOf(tile));
    },
    inclusion: (index, of = size) => hashes(inclusionRanges(index, of)),
    consistency: (old, of = size) => hashes(consistencyRanges(old, of)),
    rootAt: async (of) => (of === 0 ? emptyRoot : rangeHash({ start: 0, end: of })),
  };
}

/** The root from the edge alone: what is left of it is whole subtrees, the smallest at the right. */
function edgeRoot(levels: readonly (Buffer[] | undefined)[]): Buffer {
  let root: Buffer | undefined;
  for (const row of levels) {
    const tile = Buffer.concat(row ?? []);
    let end = row?.length ?? 0;
    for (let width = 1; end > 0; width *= 2) {
      if (end % (width * 2) === 0) continue;
      const left = tileNode(tile, end - width, width);
      root = root ? nodeHash(left, root) : left;
      end -= width;
    }
  }
  return root ?? emptyRoot;
}

/** Full tiles of a level. */
const countAt = (size: number, level: number): number => Math.floor(size / tileWidth ** (level + 1));
const keyOf = ({ level, index }: { level: number; index: number }): string => `${level}/${index}`;
const hashesOf = (bytes: Buffer): Buffer[] =>
  Array.from({ length: bytes.length / hashBytes }, (_, i) =>
    bytes.subarray(i * hashBytes, (i + 1) * hashBytes),
  );
