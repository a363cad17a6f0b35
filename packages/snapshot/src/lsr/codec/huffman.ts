import { corrupt } from "../corrupt.ts";
import { canonicalCodes } from "./canonical-codes.ts";
import { codeBitsMax, huffmanLengths } from "./huffman-lengths.ts";

const tableBytes = 128;
const streams = 4;
const headBytes = tableBytes + 4 * streams;

/** How many bytes `huffmanEncode` will give for a plane with these counts, give or take the ends of the streams. */
export function huffmanSize(counts: Uint32Array, lengths: Uint8Array): number {
  let bits = 0;
  for (let symbol = 0; symbol < 256; symbol++) bits += (counts[symbol] ?? 0) * (lengths[symbol] ?? 0);
  return headBytes + Math.ceil(bits / 8);
}

export function countBytes(plane: Uint8Array, step = 1): Uint32Array {
  const counts = new Uint32Array(256);
  for (let i = 0; i < plane.length; i += step) {
    const symbol = plane[i] ?? 0;
    counts[symbol] = (counts[symbol] ?? 0) + 1;
  }
  return counts;
}

/** Four streams, so that a decoder can follow four dependency chains at once. */
export function huffmanEncode(plane: Uint8Array, lengths = huffmanLengths(countBytes(plane))): Uint8Array {
  const codes = canonicalCodes(lengths);
  const packed = new Uint32Array(256);
  for (let symbol = 0; symbol < 256; symbol++)
    packed[symbol] = ((codes[symbol] ?? 0) << 4) | (lengths[symbol] ?? 0);
  const out = new Uint8Array(headBytes + Math.ceil((plane.length * codeBitsMax) / 8) + 4 * streams);
  for (let k = 0; k < tableBytes; k++) out[k] = (lengths[2 * k] ?? 0) | ((lengths[2 * k + 1] ?? 0) << 4);
  const view = new DataView(out.buffer);
  let at = headBytes;
  for (const [k, [start, end]] of quarters(plane.length).entries()) {
    const from = at;
    at = writeStream(out, at, { plane, start, end, packed });
    view.setUint32(tableBytes + 4 * k, at - from, true);
  }
  return out.subarray(0, at);
}

/** @throws Fault snapshot-corrupt: the streams are not exactly `count` symbols */
export function huffmanDecode(bytes: Uint8Array, count: number): Uint8Array {
  if (bytes.length < headBytes) throw corrupt("a Huffman plane without its table");
  const lengths = new Uint8Array(256);
  for (let k = 0; k < tableBytes; k++) {
    lengths[2 * k] = (bytes[k] ?? 0) & 15;
    lengths[2 * k + 1] = (bytes[k] ?? 0) >> 4;
  }
  const tables = decodeTables(lengths);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const plane = new Uint8Array(count);
  let at = headBytes;
  for (const [k, [start, end]] of quarters(count).entries()) {
    const length = view.getUint32(tableBytes + 4 * k, true);
    if (length > bytes.length - at) throw corrupt("a Huffman stream longer than its plane");
    readStream(bytes.subarray(at, at + length), { plane, start, end, ...tables });
    at += length;
  }
  if (at !== bytes.length) throw corrupt("bytes after the last Huffman stream");
  return plane;
}

function quarters(count: number): [number, number][] {
  const size = Math.ceil(count / streams);
  return Array.from({ length: streams }, (_, k) => [
    Math.min(count, k * size),
    Math.min(count, (k + 1) * size),
  ]);
}

type Part = { plane: Uint8Array; start: number; end: number };

function writeStream(
  out: Uint8Array,
  from: number,
  { plane, start, end, packed }: Part & { packed: Uint32Array },
): number {
  let [at, held, bits] = [from, 0, 0];
  for (let i = start; i < end; i++) {
    const entry = packed[plane[i] ?? 0] ?? 0;
    held |= (entry >>> 4) << bits;
    bits += entry & 15;
    // At most 15 + 12 bits are held: all within a small integer.
    if (bits >= 16) {
      out[at] = held;
      out[at + 1] = held >>> 8;
      at += 2;
      held >>>= 16;
      bits -= 16;
    }
  }
  for (; bits > 0; bits -= 8, held >>>= 8) out[at++] = held;
  return at;
}

type Tables = { one: Uint16Array; three: Uint32Array };

/**
 * For every 12 bits that may come next, in `one` the symbol that they begin with (from bit 4) and its length, in
 * `three` up to three symbols (8 bits each), from bit 24 their count and from bit 26 their length together; 0 where
 * they begin none. An exponent takes under three bits, so that one look nearly always gives three.
 */
function decodeTables(lengths: Uint8Array): Tables {
  const codes = canonicalCodes(lengths);
  const one = new Uint16Array(1 << codeBitsMax);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    for (let place = codes[symbol] ?? 0; place < one.length; place += 1 << length)
      one[place] = (symbol << 4) | length;
  }
  const three = new Uint32Array(one.length);
  for (let bits = 0; bits < one.length; bits++) {
    let [symbols, count, used] = [0, 0, 0];
    while (count < 3) {
      const entry = one[bits >>> used] ?? 0;
      const length = entry & 15;
      // What was shifted in above the 12 bits is none of the stream's.
      if (length === 0 || used + length > codeBitsMax) break;
      symbols |= (entry >>> 4) << (8 * count++);
      used += length;
    }
    three[bits] = symbols | (count << 24) | (used << 26);
  }
  return { one, three };
}

function readStream(stream: Uint8Array, { plane, start, end, one, three }: Part & Tables): void {
  const mask = one.length - 1;
  let [at, held, bits, i] = [0, 0, 0, start];
  while (i < end) {
    if (bits < codeBitsMax) {
      // Beyond the end come zeros; whether too many were used is asked once, below.
      held |= ((stream[at] ?? 0) | ((stream[at + 1] ?? 0) << 8)) << bits;
      at += 2;
      bits += 16;
    }
    const next = i + 3 <= end ? (three[held & mask] ?? 0) : single(one[held & mask] ?? 0);
    if (next === 0) throw corrupt("bits that are no Huffman code");
    const count = (next >>> 24) & 3;
    plane[i] = next;
    if (count > 1) plane[i + 1] = next >>> 8;
    if (count > 2) plane[i + 2] = next >>> 16;
    i += count;
    held >>>= next >>> 26;
    bits -= next >>> 26;
  }
  const used = 8 * at - bits;
  if (Math.ceil(used / 8) !== stream.length || held !== 0)
    throw corrupt("a Huffman stream that is too short or too long");
}

/** An entry of `one` in the form of `three`. */
const single = (entry: number): number =>
  entry === 0 ? 0 : (entry >>> 4) | (1 << 24) | ((entry & 15) << 26);
