/** The longest code: a decoder's table then has 4096 places and stays in the first cache. */
export const codeBitsMax = 12;

type Item = { weight: number; symbol?: number; pair?: [Item, Item] };

/**
 * Code lengths of least total size with none over 12 bits: package-merge (Larmore and Hirschberg, 1990). Kraft's sum
 * is met exactly, except that a single symbol gets one bit.
 */
export function huffmanLengths(counts: Uint32Array): Uint8Array {
  const lengths = new Uint8Array(256);
  const singles: Item[] = [];
  counts.forEach((weight, symbol) => {
    if (weight > 0) singles.push({ weight, symbol });
  });
  const [only] = singles;
  if (singles.length < 2) {
    if (only?.symbol !== undefined) lengths[only.symbol] = 1;
    return lengths;
  }
  singles.sort((a, b) => a.weight - b.weight);
  let row = singles;
  for (let level = 1; level < codeBitsMax; level++) row = mergeRows(singles, packages(row));
  for (const item of row.slice(0, 2 * singles.length - 2)) lengthen(lengths, item);
  return lengths;
}

function packages(row: Item[]): Item[] {
  const paired: Item[] = [];
  for (let i = 0; i + 1 < row.length; i += 2) {
    const [first, second] = [row[i], row[i + 1]];
    if (first && second) paired.push({ weight: first.weight + second.weight, pair: [first, second] });
  }
  return paired;
}

const mergeRows = (left: Item[], right: Item[]): Item[] =>
  [...left, ...right].sort((a, b) => a.weight - b.weight);

function lengthen(lengths: Uint8Array, item: Item): void {
  if (item.symbol !== undefined) lengths[item.symbol] = (lengths[item.symbol] ?? 0) + 1;
  for (const part of item.pair ?? []) lengthen(lengths, part);
}
