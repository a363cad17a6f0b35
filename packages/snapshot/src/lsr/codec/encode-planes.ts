import { kernels, places } from "../kernels/kernels.ts";
import { huffmanInto } from "./huffman.ts";
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
const headBytes = 5;
/** From here on a part of a plane is as good as all of it to make a code of. */
const longPlane = 64 << 10;
const countStep = 4;
/** Bytes that may be given codes without being seen: each takes 1/4096 of the code's room at most. */
const unseenMax = 8;

/** The codec `planes` of LSR/1: one copy into the kernels' memory, one out. */
export const encodePlanes = (plain: Uint8Array, mode: PlaneMode): Uint8Array =>
  encodePlanesInPlace(plain, mode).slice();

/** The same without the copy out: where it lies in the kernels' memory, until that is used again. */
export function encodePlanesInPlace(plain: Uint8Array, mode: PlaneMode): Uint8Array {
  const { bytes } = kernels();
  const { count, stride } = splitPlanes(plain, mode);
  let at = places.output;
  bytes[at++] = mode.width | (mode.isRotated ? 0x80 : 0);
  for (let place = 0; place < mode.width; place++)
    at = encodePlane({ plane: places.planes + place * stride, count, at });
  const tail = plain.subarray(plain.length - (plain.length % mode.width));
  bytes.set(tail, at);
  return bytes.subarray(places.output, at + tail.length);
}

type Plane = { plane: number; count: number; at: number };

/** Writes head and body of one plane; gives where they end. */
function encodePlane({ plane, count, at }: Plane): number {
  const { bytes } = kernels();
  const body = at + headBytes;
  const end = (method: number, length: number): number => {
    bytes[at] = method;
    new DataView(bytes.buffer).setUint32(at + 1, length, true);
    return body + length;
  };
  const raw = (): number => {
    bytes.copyWithin(body, plane, plane + count);
    return end(planeMethod.raw, count);
  };
  if (count > 4096 && shareOf(countBytes(plane, count, sampleStep)) > worthBelow) return raw();
  const counts = codeCounts(plane, count);
  if (count > 0 && counts.filter((n) => n > 0).length === 1) {
    bytes[body] = bytes[plane] ?? 0;
    return end(planeMethod.constant, 1);
  }
  if (shareOf(counts) > worthBelow) return raw();
  const lengths = huffmanLengths(counts);
  const size = huffmanInto({ plane, count, at: body, lengths }) - body;
  if (size < runsLikelyBelow * count) {
    const packed = zstdEncode(bytes.subarray(plane, plane + count));
    if (packed.length < size) {
      bytes.set(packed, body);
      return end(planeMethod.zstd, packed.length);
    }
  }
  return size < worthBelow * count ? end(planeMethod.huffman, size) : raw();
}

/**
 * How often each byte occurs, or of a long plane an estimate, in which whatever occurs is there: every byte between its
 * smallest and its largest has one at least. Where that would be many that do not occur, all of it is counted.
 */
function codeCounts(plane: number, count: number): Uint32Array {
  if (count < longPlane) return countBytes(plane, count);
  const range = kernels().range256(plane, count, places.counts);
  const [low, high] = [range & 0xff, range >> 8];
  const counts = countBytes(plane, count, countStep);
  const unseen = counts.subarray(low, high + 1).filter((n) => n === 0).length;
  if (unseen > unseenMax) return countBytes(plane, count);
  for (let symbol = low; symbol <= high; symbol++) counts[symbol] ||= 1;
  return counts;
}

function countBytes(plane: number, count: number, step = 1): Uint32Array {
  const { count256, words } = kernels();
  count256(plane, count, step, places.counts);
  return words.subarray(places.counts / 4, places.counts / 4 + 256);
}

/** What is left of a plane with these counts at best: its entropy, of eight bits. */
function shareOf(counts: Uint32Array): number {
  let [sum, weighted] = [0, 0];
  for (const n of counts) {
    if (n === 0) continue;
    sum += n;
    weighted += n * Math.log2(n);
  }
  return sum === 0 ? 1 : (Math.log2(sum) - weighted / sum) / 8;
}
