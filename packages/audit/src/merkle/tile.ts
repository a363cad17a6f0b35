import { assert } from "@locum/contracts";
import { nodeHash } from "./merkle-hash.ts";

export const tileWidth = 256;
export const hashBytes = 32;

/** 256 hashes of one level (C2SP tlog-tiles); `width` is less at the right edge only. */
export type TileRef = { level: number; index: number; width: number };

/** `tile/<level>/<index in groups of three digits, all but the last with an x>[.p/<width>]`. */
export function tilePath({ level, index, width }: TileRef): string {
  let path = threeDigits(index);
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    path = `x${threeDigits(rest)}/${path}`;
  return `tile/${level}/${path}${width === tileWidth ? "" : `.p/${width}`}`;
}

/** The tiles at the right edge of a tree, one a level; a level whose last tile is full has none. */
export function edgeTiles(size: number): TileRef[] {
  const tiles: TileRef[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / tileWidth))
    if (count % tileWidth > 0)
      tiles.push({ level, index: Math.floor(count / tileWidth), width: count % tileWidth });
  return tiles;
}

/** The root over `count` hashes of a tile from `from` on; `count` is a power of two. */
export function tileNode(tile: Buffer, from: number, count: number): Buffer {
  assert((from + count) * hashBytes <= tile.length, "a node of a tile lies inside of it");
  let row = Array.from({ length: count }, (_, i) =>
    tile.subarray((from + i) * hashBytes, (from + i + 1) * hashBytes),
  );
  while (row.length > 1)
    row = row.flatMap((left, i) => (i % 2 === 0 ? [nodeHash(left, row[i + 1] ?? left)] : []));
  return Buffer.from(row[0] ?? Buffer.alloc(0));
}

const threeDigits = (value: number): string => String(value % 1000).padStart(3, "0");
