export type Dtype = "BF16" | "F16" | "F32" | "I8" | "Q4";
export type NamedBytes = { suffix: string; dtype: string; shape: number[]; bytes: Uint8Array };

const blockLength = 32;

/** A tensor as checkpoints hold it; quantised ones with their scales beside them, as quantisers write them. */
export function encodeFloats(dtype: Dtype, floats: Float32Array, shape: number[]): NamedBytes[] {
  const plain = (bytes: Uint8Array): NamedBytes[] => [{ suffix: "", dtype, shape, bytes }];
  switch (dtype) {
    case "F32":
      return plain(new Uint8Array(floats.slice().buffer));
    case "F16":
      return plain(new Uint8Array(Float16Array.from(floats).buffer));
    case "BF16":
      return plain(new Uint8Array(Uint16Array.from(bitsOf(floats), roundedHigh).buffer));
    case "I8":
      return int8Rows(floats, shape);
    case "Q4":
      return fourBitBlocks(floats, shape);
  }
}

const bitsOf = (floats: Float32Array): Uint32Array =>
  new Uint32Array(floats.buffer, floats.byteOffset, floats.length);

/** To the nearest, ties to even, as training frameworks do. */
const roundedHigh = (word: number): number => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;

/** One scale a row: its largest value becomes 127. */
function int8Rows(floats: Float32Array, shape: number[]): NamedBytes[] {
  const columns = shape.at(-1) ?? 1;
  const scales = new Float32Array(floats.length / columns);
  const values = new Int8Array(floats.length);
  for (let row = 0; row < scales.length; row++) {
    const from = floats.subarray(row * columns, (row + 1) * columns);
    const scale = largest(from) / 127 || 1;
    scales[row] = scale;
    for (const [i, value] of from.entries()) values[row * columns + i] = Math.round(value / scale);
  }
  return [
    { suffix: "", dtype: "I8", shape, bytes: new Uint8Array(values.buffer) },
    { suffix: "_scale", dtype: "F32", shape: shape.slice(0, -1), bytes: new Uint8Array(scales.buffer) },
  ];
}

/** Blocks of 32: a scale in 16 bits, then two values a byte, the layout of Q4_0. */
function fourBitBlocks(floats: Float32Array, shape: number[]): NamedBytes[] {
  const blocks = Math.ceil(floats.length / blockLength);
  const blockBytes = 2 + blockLength / 2;
  const bytes = new Uint8Array(blocks * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0; block < blocks; block++) {
    const from = floats.subarray(block * blockLength, (block + 1) * blockLength);
    const scale = largest(from) / 7 || 1;
    view.setFloat16(block * blockBytes, scale, true);
    const four = (i: number): number => Math.min(15, Math.max(0, Math.round((from[i] ?? 0) / scale) + 8));
    for (let i = 0; i < blockLength / 2; i++)
      bytes[block * blockBytes + 2 + i] = four(i) | (four(i + blockLength / 2) << 4);
  }
  return [
    { suffix: "", dtype: "U8", shape: [blocks, blockBytes], bytes },
    {
      suffix: "_shape",
      dtype: "I32",
      shape: [shape.length],
      bytes: new Uint8Array(Int32Array.from(shape).buffer),
    },
  ];
}

const largest = (values: Float32Array): number => {
  let found = 0;
  for (const value of values) found = Math.max(found, Math.abs(value));
  return found;
};
