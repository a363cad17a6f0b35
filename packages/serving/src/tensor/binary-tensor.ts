import type { Datatype, Tensor } from "@locum/contracts";
import { elementBytes, fromBrain, fromHalf, toBrain, toHalf } from "./numeric.ts";

/**
 * Elements of one tensor as the binary tensor data extension carries them (little endian, row-major, no padding;
 * BOOL one byte each; BYTES each with a 32-bit length in front). Undefined where the bytes are no whole elements.
 * Text that is not UTF-8 comes as one character a byte, so that different bytes stay different.
 */
export function decodeElements(datatype: Datatype, bytes: Uint8Array): Tensor["data"] | undefined {
  if (datatype === "BYTES") return decodeTexts(bytes);
  const size = elementBytes[datatype];
  if (bytes.byteLength % size !== 0) return undefined;
  return decoders[datatype](aligned(bytes), bytes.byteLength / size);
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

const decoders: Record<Binary, (bytes: ArrayBuffer, count: number) => Tensor["data"]> = {
  BOOL: (bytes) => Array.from(new Uint8Array(bytes), (value) => value !== 0),
  UINT8: (bytes) => new Uint8Array(bytes),
  INT8: (bytes) => new Int8Array(bytes),
  UINT16: (bytes) => new Uint16Array(bytes),
  INT16: (bytes) => new Int16Array(bytes),
  UINT32: (bytes) => new Uint32Array(bytes),
  INT32: (bytes) => new Int32Array(bytes),
  FP32: (bytes) => new Float32Array(bytes),
  FP64: (bytes) => new Float64Array(bytes),
  UINT64: (bytes, count) => Float64Array.from({ length: count }, numbersOf(new BigUint64Array(bytes))),
  INT64: (bytes, count) => Float64Array.from({ length: count }, numbersOf(new BigInt64Array(bytes))),
  FP16: (bytes) => Float32Array.from(new Uint16Array(bytes), fromHalf),
  BF16: (bytes) => Float32Array.from(new Uint16Array(bytes), fromBrain),
};

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

function numbersOf(values: ArrayLike<bigint>): (unused: unknown, index: number) => number {
  return (_unused, index) => Number(values[index]);
}

/** Bytes in a buffer of their own: typed arrays want an aligned start, and the answer's buffer may be reused. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function decodeTexts(bytes: Uint8Array): string[] | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < buffer.length; ) {
    if (at + 4 > buffer.length) return undefined;
    const end = at + 4 + buffer.readUInt32LE(at);
    if (end > buffer.length) return undefined;
    texts.push(textOf(buffer.subarray(at + 4, end)));
    at = end;
  }
  return texts;
}

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
