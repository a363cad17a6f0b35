import type { Datatype } from "@locum/contracts";

export type NumericDatatype = Exclude<Datatype, "BOOL" | "BYTES">;

/** Bytes of one element in the binary tensor data extension; BYTES elements carry a length of their own. */
export const elementBytes: Record<Exclude<Datatype, "BYTES">, 1 | 2 | 4 | 8> = {
  BOOL: 1,
  UINT8: 1,
  INT8: 1,
  UINT16: 2,
  INT16: 2,
  FP16: 2,
  BF16: 2,
  UINT32: 4,
  INT32: 4,
  FP32: 4,
  UINT64: 8,
  INT64: 8,
  FP64: 8,
};

export function isFloat(datatype: string): datatype is "FP16" | "BF16" | "FP32" | "FP64" {
  return datatype === "FP32" || datatype === "FP64" || datatype === "FP16" || datatype === "BF16";
}

/** IEEE 754 binary16 to number, exact. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Number to IEEE 754 binary16, to nearest, ties to even. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  // Below 2^-14 the step is 2^-24; the carry of a rounded-up fraction runs into the exponent by itself.
  const steps = roundHalfEven(size / 2 ** (exponent - 10));
  return sign | (size < 2 ** -14 ? steps : ((exponent + 14) << 10) + steps);
}

/** bfloat16 to number: the upper half of a binary32, exact. */
export function fromBrain(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** Number to bfloat16, to nearest, ties to even. */
export function toBrain(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

const scratch = new DataView(new ArrayBuffer(4));

function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
