import { kernels, places } from "../kernels/kernels.ts";

export type PlaneMode = { width: 1 | 2 | 4 | 8; isRotated: boolean };

/** Kernels write a few bytes more than they were asked for. */
const slack = 64;

/** Elements in `length` bytes, and how far apart their planes lie in the kernels' memory. */
export function planesOf(length: number, { width }: PlaneMode): { count: number; stride: number } {
  const count = Math.floor(length / width);
  return { count, stride: count + slack };
}

/**
 * Byte planes of little-endian elements, the most significant first, from `places.planes` on. Rotating by one bit moves
 * the sign to the end, so that the exponent of a bf16 or fp32 fills a plane of its own (ZipNN, arXiv 2411.05239). Bytes
 * after the last whole element are not in any plane.
 */
export function splitPlanes(plain: Uint8Array, mode: PlaneMode): { count: number; stride: number } {
  const { bytes, split2, split4 } = kernels();
  const { count, stride } = planesOf(plain.length, mode);
  const { width, isRotated } = mode;
  if (width === 1 && !isRotated) {
    bytes.set(plain, places.planes);
    return { count, stride };
  }
  bytes.set(plain, places.input);
  if (width === 2) split2(places.input, count, places.planes, places.planes + stride, isRotated);
  else if (width === 4) split4(places.input, count, places.planes, stride, isRotated);
  else splitOthers(bytes, { count, stride, ...mode });
  return { count, stride };
}

/** The inverse: elements from the planes to `places.input`. */
export function mergePlanes(count: number, stride: number, mode: PlaneMode): void {
  const { bytes, merge2, merge4 } = kernels();
  const { width, isRotated } = mode;
  if (width === 2) merge2(places.planes, places.planes + stride, count, places.input, isRotated);
  else if (width === 4) merge4(places.planes, stride, count, places.input, isRotated);
  else mergeOthers(bytes, { count, stride, ...mode });
}

type Layout = PlaneMode & { count: number; stride: number };

/** Widths 1 and 8 are rare: no kernel of their own. */
function splitOthers(bytes: Uint8Array, { count, stride, width, isRotated }: Layout): void {
  for (let place = 0; place < width; place++) {
    const at = width - 1 - place;
    // The byte that lends its top bit: the one below, and for the lowest the highest.
    const below = at === 0 ? width - 1 : at - 1;
    for (let i = 0, base = places.input; i < count; i++, base += width) {
      const own = bytes[base + at] ?? 0;
      bytes[places.planes + place * stride + i] = isRotated
        ? (own << 1) | ((bytes[base + below] ?? 0) >> 7)
        : own;
    }
  }
}

function mergeOthers(bytes: Uint8Array, { count, stride, width, isRotated }: Layout): void {
  for (let place = 0; place < width; place++) {
    const plane = places.planes + place * stride;
    // Rotated right again: the lowest bit of the byte above is this one's top bit, and the sign is the lowest of all.
    const above = places.planes + (place === 0 ? width - 1 : place - 1) * stride;
    for (let i = 0, base = places.input + width - 1 - place; i < count; i++, base += width) {
      const own = bytes[plane + i] ?? 0;
      bytes[base] = isRotated ? (own >> 1) | ((bytes[above + i] ?? 0) << 7) : own;
    }
  }
}
