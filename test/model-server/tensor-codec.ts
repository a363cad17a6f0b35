import type { Tensor as OrtTensor } from "onnxruntime-node";
import { Refusal } from "./refusal.ts";

type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export type NamedTensor = { name: string; datatype: string; shape: number[]; data: Numbers };

type Kind = {
  ort: OrtTensor.Type;
  make: new (source: ArrayBuffer) => Numbers;
  bytes: number;
  integer?: "big";
};

/** The protocol's datatypes that onnxruntime takes as typed arrays, with onnxruntime's name of each. */
const kinds: Record<string, Kind | undefined> = {
  FP32: { ort: "float32", make: Float32Array, bytes: 4 },
  FP64: { ort: "float64", make: Float64Array, bytes: 8 },
  INT8: { ort: "int8", make: Int8Array, bytes: 1 },
  INT16: { ort: "int16", make: Int16Array, bytes: 2 },
  INT32: { ort: "int32", make: Int32Array, bytes: 4 },
  INT64: { ort: "int64", make: BigInt64Array, bytes: 8, integer: "big" },
  UINT8: { ort: "uint8", make: Uint8Array, bytes: 1 },
  UINT16: { ort: "uint16", make: Uint16Array, bytes: 2 },
  UINT32: { ort: "uint32", make: Uint32Array, bytes: 4 },
  UINT64: { ort: "uint64", make: BigUint64Array, bytes: 8, integer: "big" },
  BOOL: { ort: "bool", make: Uint8Array, bytes: 1 },
};

export function datatypeOf(ort: string): string {
  return Object.keys(kinds).find((name) => kinds[name]?.ort === ort) ?? "BYTES";
}

export function ortTypeOf(datatype: string): OrtTensor.Type {
  return kindOf(datatype).ort;
}

/** Elements from the request's JSON, flat or nested. */
export function fromJson(name: string, datatype: string, shape: number[], data: unknown): NamedTensor {
  const kind = kindOf(datatype);
  const flat = Array.isArray(data) ? data.flat(16) : [];
  const expected = elementsOf(shape);
  if (flat.length !== expected) {
    throw new Refusal(
      400,
      `input '${name}' got unexpected elements count ${flat.length}, expected ${expected}`,
    );
  }
  const bytes = new ArrayBuffer(expected * kind.bytes);
  const values = new kind.make(bytes);
  flat.forEach((value, i) => {
    if (typeof value !== "number" && typeof value !== "boolean") {
      throw new Refusal(400, `unable to parse 'data' of input '${name}': expected a number`);
    }
    values[i] = kind.integer ? BigInt(Math.trunc(Number(value))) : Number(value);
  });
  return { name, datatype, shape, data: values };
}

/** Elements from the raw bytes of the binary tensor data extension, little endian as this machine. */
export function fromBinary(name: string, datatype: string, shape: number[], bytes: Buffer): NamedTensor {
  const kind = kindOf(datatype);
  const expected = elementsOf(shape) * kind.bytes;
  if (bytes.length !== expected) {
    throw new Refusal(400, `input '${name}' got unexpected byte size ${bytes.length}, expected ${expected}`);
  }
  return { name, datatype, shape, data: new kind.make(Uint8Array.from(bytes).buffer) };
}

/** Strict JSON but for NaN and Infinity, which stand as words, as Python's json and Triton write them. */
export function toJson({ datatype, data }: NamedTensor): string {
  const texts: string[] = [];
  for (const value of data) texts.push(datatype === "BOOL" ? String(Boolean(value)) : String(value));
  return `[${texts.join(",")}]`;
}

export function toBinary({ data }: NamedTensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

export function elementsOf(shape: number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function kindOf(datatype: string): Kind {
  const kind = kinds[datatype];
  if (!kind) throw new Refusal(400, `datatype '${datatype}' is not supported`);
  return kind;
}
