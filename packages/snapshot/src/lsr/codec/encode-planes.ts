import { countBytes, huffmanEncode, huffmanSize } from "./huffman.ts";
import { huffmanLengths } from "./huffman-lengths.ts";
import { type PlaneMode, splitPlanes } from "./planes.ts";
import { zstdEncode } from "./zstd.ts";

export const planeMethod = { raw: 0, zstd: 1, huffman: 2, constant: 3 } as const;

/** Below this share of its size a plane has runs that zstd sees and Huffman does not: both are tried. */
const runsLikelyBelow = 0.3;
/** A plane that shrinks less is not worth the decoder's time. */
const worthBelow = 0.97;
/** A sixteenth of a plane tells a mantissa's noise from an exponent. */
const sampleStep = 16;

export function encodePlanes(plain: Uint8Array, mode: PlaneMode): Uint8Array {
  const planes = splitPlanes(plain, mode);
  const parts: Uint8Array[] = [Uint8Array.of(mode.width | (mode.isRotated ? 0x80 : 0))];
  for (const plane of planes) {
    const { method, bytes } = encodePlane(plane);
    const head = new Uint8Array(5);
    head[0] = method;
    new DataView(head.buffer).setUint32(1, bytes.length, true);
    parts.push(head, bytes);
  }
  parts.push(plain.subarray(plain.length - (plain.length % mode.width)));
  return Buffer.concat(parts);
}

function encodePlane(plane: Uint8Array): { method: number; bytes: Uint8Array } {
  const raw = { method: planeMethod.raw, bytes: plane };
  if (plane.length > 4096) {
    const sample = countBytes(plane, sampleStep);
    const sampled = Math.ceil(plane.length / sampleStep);
    if (huffmanSize(sample, huffmanLengths(sample)) - 144 > worthBelow * sampled) return raw;
  }
  const counts = countBytes(plane);
  if (plane.length > 0 && counts.includes(plane.length))
    return { method: planeMethod.constant, bytes: plane.slice(0, 1) };
  const lengths = huffmanLengths(counts);
  const size = huffmanSize(counts, lengths);
  if (size < runsLikelyBelow * plane.length) {
    const bytes = zstdEncode(plane);
    if (bytes.length < size) return { method: planeMethod.zstd, bytes };
  }
  return size < worthBelow * plane.length
    ? { method: planeMethod.huffman, bytes: huffmanEncode(plane, lengths) }
    : raw;
}
