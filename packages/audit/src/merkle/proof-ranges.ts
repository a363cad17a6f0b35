import { assert } from "@locum/contracts";

/** Leaves from `start` up to, not with, `end`. */
export type Range = { start: number; end: number };

/** The largest power of two below `size`: where RFC 6962 splits a tree. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The ranges whose roots prove that leaf `index` is in the first `size` (RFC 6962, section 2.1.1), leaf side first. */
export function inclusionRanges(index: number, size: number): Range[] {
  assert(index >= 0 && index < size, "a leaf is proven inside of its tree");
  const ranges: Range[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    const isLeft = index < middle;
    ranges.push(isLeft ? { start: middle, end } : { start, end: middle });
    if (isLeft) end = middle;
    else start = middle;
  }
  return ranges.reverse();
}

/** The ranges whose roots prove that the first `size` leaves begin with the first `old` (section 2.1.2). */
export function consistencyRanges(old: number, size: number): Range[] {
  assert(old >= 0 && old <= size, "an older tree is not larger");
  if (old === 0) return [];
  const ranges: Range[] = [];
  let start = 0;
  let end = size;
  while (old < end) {
    const middle = start + splitOf(end - start);
    const isLeft = old <= middle;
    ranges.push(isLeft ? { start: middle, end } : { start, end: middle });
    if (isLeft) end = middle;
    else start = middle;
  }
  // The whole old tree is not sent: whoever checks has its root.
  if (start > 0) ranges.push({ start, end });
  return ranges.reverse();
}
