import type { ByteSource } from "../byte-source.ts";
import { type Tensor, tensorsMax } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";

const tableMagic = 0xdb4775248b80fb57n;
const footerBytes = 48;
const indexBytesMax = 64 << 20;
const dtypes: Record<number, string> = {
  1: "f32",
  2: "f64",
  3: "i32",
  4: "u8",
  6: "i8",
  9: "i64",
  14: "bf16",
  19: "f16",
};

/**
 * TensorFlow's `variables.index`, a LevelDB table from names to places in the `variables.data-*` shards beside it:
 * tensors by shard number. Compressed blocks, which TensorFlow does not write, are not read. @throws Unparsed
 */
export async function parseVariablesIndex(source: ByteSource): Promise<Map<number, Tensor[]>> {
  if (source.size > indexBytesMax || source.size < footerBytes)
    throw new Unparsed(`an index of ${source.size} bytes`);
  const table = Buffer.from(await source.read(0, source.size));
  const footer = table.subarray(-footerBytes);
  if (footer.readBigUInt64LE(40) !== tableMagic) throw new Unparsed("no LevelDB table");
  const cursor = { at: 0 };
  varint(footer, cursor);
  varint(footer, cursor);
  const shards = new Map<number, Tensor[]>();
  let count = 0;
  for (const [, handle] of blockPairs(blockAt(table, handleOf(footer, cursor))))
    for (const [key, value] of blockPairs(blockAt(table, handleOf(handle, { at: 0 })))) {
      // The empty key holds the header of the bundle.
      if (key.length === 0) continue;
      if (++count > tensorsMax) throw new Unparsed("too many tensors");
      const { shard, ...tensor } = readEntry(value, key.toString("utf8"));
      const list = shards.get(shard) ?? [];
      list.push(tensor);
      shards.set(shard, list);
    }
  return shards;
}

type Cursor = { at: number };

function varint(bytes: Buffer, cursor: Cursor): number {
  let [value, scale] = [0, 1];
  for (let n = 0; n < 10; n++, scale *= 128) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) throw new Unparsed("a number cut short");
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw new Unparsed("a varint of more than ten bytes");
}

const handleOf = (bytes: Buffer, cursor: Cursor) => ({
  offset: varint(bytes, cursor),
  size: varint(bytes, cursor),
});

function blockAt(table: Buffer, { offset, size }: { offset: number; size: number }): Buffer {
  if (offset + size + 5 > table.length) throw new Unparsed("a block outside the table");
  if (table[offset + size] !== 0) throw new Unparsed("a compressed block");
  return table.subarray(offset, offset + size);
}

/** Keys share beginnings with the one before; the end of a block is its list of restarts. */
function* blockPairs(block: Buffer): Generator<[Buffer, Buffer]> {
  if (block.length < 4) throw new Unparsed("a block without an end");
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4);
  const cursor = { at: 0 };
  let key = Buffer.alloc(0);
  while (cursor.at < end) {
    const [shared, unshared, length] = [varint(block, cursor), varint(block, cursor), varint(block, cursor)];
    const from = cursor.at;
    cursor.at += unshared + length;
    if (cursor.at > end || shared > key.length || shared + unshared > 4096)
      throw new Unparsed("a pair cut short");
    key = Buffer.concat([key.subarray(0, shared), block.subarray(from, from + unshared)]);
    yield [key, block.subarray(from + unshared, cursor.at)];
  }
}

/** BundleEntryProto: 1 dtype, 2 shape, 3 shard, 4 offset, 5 size. */
function readEntry(value: Buffer, name: string): Tensor & { shard: number } {
  const numbers = new Map<number, number>();
  for (const cursor = { at: 0 }; cursor.at < value.length; ) {
    const key = varint(value, cursor);
    const wire = key & 7;
    if (wire === 0) numbers.set(key >> 3, varint(value, cursor));
    else if (wire === 5) cursor.at += 4;
    else if (wire === 2) {
      const length = varint(value, cursor);
      cursor.at += length;
    } else throw new Unparsed(`wire type ${wire}`);
    if (cursor.at > value.length) throw new Unparsed("an entry cut short");
  }
  const number = (field: number) => numbers.get(field) ?? 0;
  const dtype = dtypes[number(1)] ?? "unknown";
  return { name, dtype, shape: [], start: number(4), length: number(5), shard: number(3) };
}
