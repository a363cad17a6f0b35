import type { Datatype, Tensor } from "@locum/contracts";
import type { HeapBudget } from "../heap-budget.ts";
import { elementBytes, fromBrain, fromHalf, toBrain, toHalf } from "./numeric.ts";

/**
 * Elements of one tensor as the binary tensor data extension carries them (little endian, row-major, no padding;
 * BOOL one byte each; BYTES each with a 32-bit length in front). Undefined where the bytes are no whole elements.
 * Text that is not UTF-8 comes as one character a byte, so that different bytes stay different. Throws what `take` throws.
 */
export function decodeElements(
  datatype: Datatype,
  bytes: Uint8Array,
  take: HeapBudget,
): Tensor["data"] | undefined {
  if (datatype === "BYTES") return decodeTexts(bytes, take);
  const size = elementBytes[datatype];
  if (bytes.byteLength % size !== 0) return undefined;
  if (datatype === "BOOL") take(boolHeapBytes * bytes.byteLength);
  return decoders[datatype](bytes);
}

/** The inverse. Values must be of the datatype's range; numbers are rounded to its precision. */
export function encodeElements({ datatype, data }: Pick<Tensor, "datatype" | "data">): Buffer {
  if (datatype === "BYTES") return encodeTexts(Array.from(data, String));
  const size = elementBytes[datatype];
  const bytes = Buffer.alloc(data.length * size);
  const write = encoders[datatype];
  for (let i = 0; i < data.length; i++) write(bytes, Number(data[i]), i * size);
  return bytes;
}

type Binary = Exclude<Datatype, "BYTES">;

const decoders: Record<Binary, (bytes: Uint8Array) => Tensor["data"]> = {
  BOOL: (bytes) => Array.from(bytes, (value) => value !== 0),
  UINT8: (bytes) => new Uint8Array(aligned(bytes)),
  INT8: (bytes) => new Int8Array(aligned(bytes)),
  UINT16: (bytes) => new Uint16Array(aligned(bytes)),
  INT16: (bytes) => new Int16Array(aligned(bytes)),
  UINT32: (bytes) => new Uint32Array(aligned(bytes)),
  INT32: (bytes) => new Int32Array(aligned(bytes)),
  FP32: (bytes) => new Float32Array(aligned(bytes)),
  FP64: (bytes) => new Float64Array(aligned(bytes)),
  UINT64: (bytes) =>
    filled(new Float64Array(bytes.length / 8), (at, view) => Number(view.getBigUint64(8 * at, true)), bytes),
  INT64: (bytes) =>
    filled(new Float64Array(bytes.length / 8), (at, view) => Number(view.getBigInt64(8 * at, true)), bytes),
  FP16: (bytes) =>
    filled(new Float32Array(bytes.length / 2), (at, view) => fromHalf(view.getUint16(2 * at, true)), bytes),
  BF16: (bytes) =>
    filled(new Float32Array(bytes.length / 2), (at, view) => fromBrain(view.getUint16(2 * at, true)), bytes),
};

/** One by one: `from` of a typed array makes a list of its elements first, on the heap. */
function filled<T extends Float32Array | Float64Array>(
  values: T,
  read: (at: number, view: DataView) => number,
  { buffer, byteOffset, byteLength }: Uint8Array,
): T {
  const view = new DataView(buffer, byteOffset, byteLength);
  for (let at = 0; at < values.length; at++) values[at] = read(at, view);
  return values;
}

const encoders: Record<Binary, (bytes: Buffer, value: number, at: number) => void> = {
  BOOL: (bytes, value, at) => bytes.writeUInt8(value ? 1 : 0, at),
  UINT8: (bytes, value, at) => bytes.writeUInt8(value, at),
  INT8: (bytes, value, at) => bytes.writeInt8(value, at),
  UINT16: (bytes, value, at) => bytes.writeUInt16LE(value, at),
  INT16: (bytes, value, at) => bytes.writeInt16LE(value, at),
  UINT32: (bytes, value, at) => bytes.writeUInt32LE(value, at),
  INT32: (bytes, value, at) => bytes.writeInt32LE(value, at),
  FP32: (bytes, value, at) => bytes.writeFloatLE(value, at),
  FP64: (bytes, value, at) => bytes.writeDoubleLE(value, at),
  UINT64: (bytes, value, at) => bytes.writeBigUInt64LE(BigInt(value), at),
  INT64: (bytes, value, at) => bytes.writeBigInt64LE(BigInt(value), at),
  FP16: (bytes, value, at) => bytes.writeUInt16LE(toHalf(value), at),
  BF16: (bytes, value, at) => bytes.writeUInt16LE(toBrain(value), at),
};

/** Bytes in a buffer of their own: typed arrays want an aligned start, and the answer's buffer may be reused. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function decodeTexts(bytes: Uint8Array, take: HeapBudget): string[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    if (at + 4 > buffer.length) return undefined;
    const end = at + 4 + buffer.readUInt32LE(at);
    if (end > buffer.length) return undefined;
    take(textHeapBytes(end - at - 4));
    texts.push(textOf(buffer.subarray(at + 4, end)));
    at = end;
  }
  return texts;
}

/** A slot in a list that grows. */
export const boolHeapBytes = 16;
/** The slot, a header, and characters that may be wide. */
export const textHeapBytes = (bytes: number): number => 48 + 2 * bytes;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8, else one character a byte. */
export function textOf(bytes: Buffer): string {
  try {
    return strict.decode(bytes);
  } catch {
    return bytes.toString("latin1");
  }
}

function encodeTexts(texts: string[]): Buffer {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text, "utf8");
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
