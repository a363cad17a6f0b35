import { corrupt } from "../corrupt.ts";
import { kernels, places } from "../kernels/kernels.ts";
import { canonicalCodes } from "./canonical-codes.ts";

const tableBytes = 128;
const streams = 4;
const headBytes = tableBytes + 4 * streams;

/**
 * Encodes the plane at `plane` to `at`, both in the kernels' memory; gives where it ends. Four streams, so that a decoder
 * can follow four dependency chains at once.
 */
export function huffmanInto({
  plane,
  count,
  at,
  lengths,
}: {
  plane: number;
  count: number;
  at: number;
  lengths: Uint8Array;
}): number {
  const { bytes, encodeStream, pairCodes } = kernels();
  putCodes(lengths);
  pairCodes(places.codes, places.pairs);
  for (let k = 0; k < tableBytes; k++)
    bytes[at + k] = (lengths[2 * k] ?? 0) | ((lengths[2 * k + 1] ?? 0) << 4);
  const view = new DataView(bytes.buffer);
  let end = at + headBytes;
  const size = Math.ceil(count / streams);
  for (let k = 0; k < streams; k++) {
    const first = Math.min(count, k * size);
    const from = end;
    const symbols = Math.min(count, first + size) - first;
    end = encodeStream(plane + first, symbols, places.codes, places.pairs, from);
    view.setUint32(at + tableBytes + 4 * k, end - from, true);
  }
  return end;
}

/**
 * Decodes the `size` bytes at `at` to `count` symbols at `plane`, both in the kernels' memory.
 * @throws Fault snapshot-corrupt: the streams are not exactly those symbols
 */
export function huffmanFrom({
  at,
  size,
  plane,
  count,
}: {
  at: number;
  size: number;
  plane: number;
  count: number;
}): void {
  const { bytes, words, buildDecodeTable, decodeStreams } = kernels();
  if (size < headBytes) throw corrupt("a Huffman plane without its table");
  const lengths = new Uint8Array(256);
  for (let k = 0; k < tableBytes; k++) {
    lengths[2 * k] = (bytes[at + k] ?? 0) & 15;
    lengths[2 * k + 1] = (bytes[at + k] ?? 0) >> 4;
  }
  const view = new DataView(bytes.buffer);
  let sum = 0;
  for (let k = 0; k < streams; k++) {
    const length = view.getUint32(at + tableBytes + 4 * k, true);
    words[places.lengths / 4 + k] = length;
    sum += length;
  }
  if (sum !== size - headBytes) throw corrupt("Huffman streams that are not as long as their plane");
  if (putCodes(lengths) === 1) return repeatOnly(lengths.indexOf(1), { at, size, plane, count });
  buildDecodeTable(places.codes, places.single, places.table);
  if (!decodeStreams(at + headBytes, places.lengths, places.single, places.table, plane, count))
    throw corrupt("a Huffman stream that is too short or too long");
}

/** As the kernels take them: code | length << 16. Gives how many symbols there are. */
function putCodes(lengths: Uint8Array): number {
  const { words } = kernels();
  const codes = canonicalCodes(lengths);
  let used = 0;
  for (let symbol = 0; symbol < 256; symbol++) {
    const length = lengths[symbol] ?? 0;
    words[places.codes / 4 + symbol] = (codes[symbol] ?? 0) | (length << 16);
    if (length > 0) used++;
  }
  return used;
}

/** The one symbol of a code has one bit, 0; so its streams are zeros. No writer of ours makes such a plane. */
function repeatOnly(
  symbol: number,
  { at, size, plane, count }: { at: number; size: number; plane: number; count: number },
): void {
  const { bytes, words } = kernels();
  const quarter = Math.ceil(count / streams);
  for (let k = 0; k < streams; k++) {
    const symbols = Math.min(count, (k + 1) * quarter) - Math.min(count, k * quarter);
    if (words[places.lengths / 4 + k] !== Math.ceil(symbols / 8))
      throw corrupt("a Huffman stream that is too short or too long");
  }
  if (bytes.subarray(at + headBytes, at + size).some((byte) => byte !== 0))
    throw corrupt("bits that are no Huffman code");
  bytes.fill(symbol, plane, plane + count);
}
