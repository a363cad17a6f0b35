import type { ByteSource } from "../byte-source.ts";
import { type Tensor, tensorsMax } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";
import { createWindowReader, type WindowReader } from "./window-reader.ts";

/** Tensors in the file, and those in files beside it, by their path relative to the model's folder. */
export type OnnxTensors = { inside: Tensor[]; outside: Map<string, Tensor[]> };

const fieldsMax = 8_000_000;
const depthMax = 12;

const dtypes: Record<number, string> = {
  1: "f32",
  2: "u8",
  3: "i8",
  4: "u16",
  5: "i16",
  6: "i32",
  7: "i64",
  10: "f16",
  11: "f64",
  16: "bf16",
  17: "f8",
  18: "f8",
  19: "f8",
  20: "f8",
};

/** Which fields of a message are messages on the way to a tensor (onnx.proto, the numbers are stable). */
const paths: Record<string, Record<number, string>> = {
  model: { 7: "graph", 25: "function" },
  graph: { 1: "node", 5: "tensor", 15: "sparse" },
  function: { 7: "node" },
  node: { 5: "attribute" },
  attribute: { 5: "tensor", 6: "graph", 10: "tensor", 11: "graph" },
  sparse: { 1: "tensor", 2: "tensor" },
};

/** Walks the protobuf without building it: only what leads to a tensor is entered, all else skipped. @throws Unparsed */
export async function parseOnnx(source: ByteSource): Promise<OnnxTensors> {
  const walk: Walk = {
    reader: createWindowReader(source),
    fields: 0,
    found: { inside: [], outside: new Map() },
  };
  await walkMessage(walk, "model", source.size, 0);
  if (walk.fields === 0) throw new Unparsed("no field at all");
  return walk.found;
}

type Walk = { reader: WindowReader; fields: number; found: OnnxTensors };
type Field = { number: number; wire: number; start: number; length: number; value: number };

async function walkMessage(walk: Walk, kind: string, end: number, depth: number): Promise<void> {
  if (depth > depthMax) throw new Unparsed(`messages ${depth} deep`);
  for await (const { number, wire, start, length } of fieldsOf(walk, end)) {
    const inner = wire === 2 ? paths[kind]?.[number] : undefined;
    if (!inner) continue;
    walk.reader.position = start;
    if (inner === "tensor") await readTensor(walk, start + length);
    else await walkMessage(walk, inner, start + length, depth + 1);
  }
}

/** One message's fields. After each the reader stands at the field's end, wherever the consumer left it. */
async function* fieldsOf(walk: Walk, end: number): AsyncGenerator<Field> {
  const { reader } = walk;
  while (reader.position < end) {
    if (++walk.fields > fieldsMax) throw new Unparsed(`more than ${fieldsMax} fields`);
    const key = await reader.varint();
    const field = { number: Math.floor(key / 8), wire: key % 8, start: reader.position, length: 0, value: 0 };
    if (field.number === 0) throw new Unparsed("field number 0");
    if (field.wire === 0) field.value = await bigVarint(reader);
    else if (field.wire === 1 || field.wire === 5) reader.skip(field.wire === 1 ? 8 : 4);
    else if (field.wire === 2) {
      field.length = await reader.varint();
      field.start = reader.position;
      reader.skip(field.length);
    } else throw new Unparsed(`wire type ${field.wire}`);
    const after = reader.position;
    if (after > end) throw new Unparsed("a field longer than its message");
    yield field;
    reader.position = after;
  }
}

/** Negative numbers take ten bytes and more than 53 bits: allowed, and of no interest here. */
async function bigVarint(reader: WindowReader): Promise<number> {
  let [value, scale] = [0, 1];
  for (let n = 0; n < 10; n++, scale *= 128) {
    const byte = await reader.u8();
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw new Unparsed("a varint of more than ten bytes");
}

async function readTensor(walk: Walk, end: number): Promise<void> {
  const { reader, found } = walk;
  const tensor: Tensor = { name: "", dtype: "unknown", shape: [], start: 0, length: 0 };
  const external = new Map<string, string>();
  for await (const { number, wire, start, length, value } of fieldsOf(walk, end)) {
    reader.position = start;
    if (number === 1 && wire === 0 && tensor.shape.length < 64) tensor.shape.push(value);
    else if (number === 1 && wire === 2) tensor.shape = await packedNumbers(reader, start + length);
    else if (number === 2) tensor.dtype = dtypes[value] ?? "unknown";
    else if (number === 8 && wire === 2)
      tensor.name = Buffer.from(await reader.bytes(length)).toString("utf8");
    // raw_data, or float_data and double_data in their packed form.
    else if (wire === 2 && (number === 9 || number === 4 || number === 10))
      Object.assign(tensor, { start, length });
    else if (number === 13 && wire === 2) external.set(...(await readPair(walk, start + length)));
  }
  const location = external.get("location");
  if (location !== undefined) addOutside(found.outside, location, tensor, external);
  else if (tensor.length > 0) found.inside.push(tensor);
  if (found.inside.length > tensorsMax) throw new Unparsed("too many tensors");
}

async function packedNumbers(reader: WindowReader, end: number): Promise<number[]> {
  const numbers: number[] = [];
  while (reader.position < end && numbers.length < 64) numbers.push(await bigVarint(reader));
  return numbers;
}

async function readPair(walk: Walk, end: number): Promise<[string, string]> {
  const pair: [string, string] = ["", ""];
  for await (const { number, wire, start, length } of fieldsOf(walk, end)) {
    if (wire !== 2 || (number !== 1 && number !== 2)) continue;
    walk.reader.position = start;
    pair[number - 1] = Buffer.from(await walk.reader.bytes(length)).toString("utf8");
  }
  return pair;
}

function addOutside(
  outside: Map<string, Tensor[]>,
  location: string,
  tensor: Tensor,
  external: ReadonlyMap<string, string>,
): void {
  const [start, length] = [Number(external.get("offset") ?? 0), Number(external.get("length"))];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(length))
    throw new Unparsed(`tensor ${tensor.name} without a place`);
  const list = outside.get(location) ?? [];
  list.push({ ...tensor, start, length });
  outside.set(location, list);
  if (list.length > tensorsMax) throw new Unparsed("too many tensors");
}
