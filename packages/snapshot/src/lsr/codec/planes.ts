export type PlaneMode = { width: 1 | 2 | 4 | 8; isRotated: boolean };

/**
 * Byte planes of little-endian elements, the most significant first. Rotating by one bit moves the sign to the end,
 * so that the exponent of a bf16 or fp32 fills a plane of its own (ZipNN, arXiv 2411.05239). Bytes after the last
 * whole element are not in any plane.
 */
export function splitPlanes(plain: Uint8Array, { width, isRotated }: PlaneMode): Uint8Array[] {
  const count = Math.floor(plain.length / width);
  const planes = Array.from({ length: width }, () => new Uint8Array(count));
  const [high, low] = planes;
  if (width === 2 && high && low) {
    splitPairs(plain, { high, low, isRotated });
    return planes;
  }
  for (const [place, plane] of planes.entries()) {
    const at = width - 1 - place;
    // The byte that lends its top bit: the one below, and for the lowest the highest.
    const below = at === 0 ? width - 1 : at - 1;
    if (isRotated)
      for (let i = 0, base = 0; i < count; i++, base += width)
        plane[i] = ((plain[base + at] ?? 0) << 1) | ((plain[base + below] ?? 0) >> 7);
    else for (let i = 0, base = at; i < count; i++, base += width) plane[i] = plain[base] ?? 0;
  }
  return planes;
}

/** The inverse, into `target`, whose length decides how many elements there are. */
export function mergePlanes(
  planes: readonly Uint8Array[],
  target: Uint8Array,
  { width, isRotated }: PlaneMode,
): void {
  const count = Math.floor(target.length / width);
  const [high, low] = planes;
  if (width === 2 && high && low) return mergePairs(target, { high, low, isRotated });
  for (const [place, plane] of planes.entries()) {
    const at = width - 1 - place;
    // Rotated right again: the lowest bit of the byte above is this one's top bit, and the sign is the lowest of all.
    const above = planes[place === 0 ? width - 1 : place - 1] ?? plane;
    if (isRotated)
      for (let i = 0, base = at; i < count; i++, base += width)
        target[base] = ((plane[i] ?? 0) >> 1) | ((above[i] ?? 0) << 7);
    else for (let i = 0, base = at; i < count; i++, base += width) target[base] = plane[i] ?? 0;
  }
}

type Pair = { high: Uint8Array; low: Uint8Array; isRotated: boolean };

/** Two bytes an element is the common case and worth loops of its own. */
function splitPairs(plain: Uint8Array, { high, low, isRotated }: Pair): void {
  for (let i = 0, at = 0; i < high.length; i++, at += 2) {
    const value = (plain[at] ?? 0) | ((plain[at + 1] ?? 0) << 8);
    const turned = isRotated ? (value << 1) | (value >> 15) : value;
    low[i] = turned;
    high[i] = turned >> 8;
  }
}

function mergePairs(target: Uint8Array, { high, low, isRotated }: Pair): void {
  for (let i = 0, at = 0; i < high.length; i++, at += 2) {
    const value = (low[i] ?? 0) | ((high[i] ?? 0) << 8);
    const turned = isRotated ? (value >> 1) | (value << 15) : value;
    target[at] = turned;
    target[at + 1] = turned >> 8;
  }
}
