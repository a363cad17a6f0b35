import type { ByteSource } from "../byte-source.ts";
import { type Tensor, tensorsMax } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";
import { createWindowReader, type WindowReader } from "./window-reader.ts";

/** Bytes of the scalar value types 0 to 12; 8 is a string, 9 an array. */
const scalarBytes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const [u32Type, stringType, arrayType] = [4, 8, 9];
const itemsMax = 20_000_000;
const dtypes: Record<number, string> = { 0: "f32", 1: "f16", 24: "i8", 28: "f64", 30: "bf16" };

/** GGUF 2 and 3: metadata, then the table of tensors, then their data, aligned. @throws Unparsed */
export async function parseGguf(source: ByteSource): Promise<Tensor[]> {
  const reader = createWindowReader(source);
  if ((await reader.u32()) !== 0x46554747) throw new Unparsed("no GGUF");
  const version = await reader.u32();
  if (version !== 2 && version !== 3) throw new Unparsed(`GGUF version ${version}`);
  const [count, pairs] = [await reader.u64(), await reader.u64()];
  if (count > tensorsMax || pairs > tensorsMax) throw new Unparsed(`${count} tensors, ${pairs} pairs`);
  const alignment = await readAlignment(reader, pairs);
  const tensors: Tensor[] = [];
  for (let n = 0; n < count; n++) tensors.push(await readTensor(reader));
  const base = Math.ceil(reader.position / alignment) * alignment;
  return withLengths(tensors, base, source.size);
}

async function readAlignment(reader: WindowReader, pairs: number): Promise<number> {
  let alignment = 32;
  for (let n = 0; n < pairs; n++) {
    const key = await readString(reader);
    const type = await reader.u32();
    if (key === "general.alignment" && type === u32Type) alignment = await reader.u32();
    else await skipValue(reader, type);
  }
  if (alignment < 1 || alignment > 1 << 20) throw new Unparsed(`an alignment of ${alignment}`);
  return alignment;
}

async function skipValue(reader: WindowReader, type: number): Promise<void> {
  if (type === stringType) return reader.skip(await reader.u64());
  if (type !== arrayType) return reader.skip(sizeOf(type));
  const [itemType, count] = [await reader.u32(), await reader.u64()];
  if (count > itemsMax) throw new Unparsed(`an array of ${count}`);
  if (itemType !== stringType) return reader.skip(count * sizeOf(itemType));
  for (let n = 0; n < count; n++) reader.skip(await reader.u64());
}

/** Arrays of arrays are allowed by the format and used by nobody: they end here too. */
function sizeOf(type: number): number {
  const size = scalarBytes[type];
  if (!size) throw new Unparsed(`a value of type ${type}`);
  return size;
}

async function readTensor(reader: WindowReader): Promise<Tensor> {
  const name = await readString(reader);
  const dims = await reader.u32();
  if (dims > 8) throw new Unparsed(`a tensor of ${dims} dimensions`);
  const shape: number[] = [];
  for (let n = 0; n < dims; n++) shape.push(await reader.u64());
  const dtype = dtypes[await reader.u32()] ?? "quantised";
  return { name, dtype, shape, start: await reader.u64(), length: 0 };
}

/** A tensor reaches to the next one: so the block sizes of all quantisations, new ones too, need not be known. */
function withLengths(tensors: Tensor[], base: number, size: number): Tensor[] {
  const sorted = tensors.toSorted((a, b) => a.start - b.start);
  return sorted.map((tensor, place) => {
    const next = sorted[place + 1];
    const start = base + tensor.start;
    return { ...tensor, start, length: (next ? base + next.start : size) - start };
  });
}

const readString = async (reader: WindowReader): Promise<string> =>
  Buffer.from(await reader.bytes(await reader.u64())).toString("utf8");
