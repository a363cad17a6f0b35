import type { ByteSource } from "../byte-source.ts";
import { type Tensor, tensorsMax } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";
import { createWindowReader, type WindowReader } from "./window-reader.ts";

const [endSign, end64Sign, locatorSign, entrySign, localSign] = [
  0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50,
];
const endBytes = 22;
const commentMax = 0xffff;
const full = 0xffffffff;

/**
 * A PyTorch checkpoint is a ZIP whose storages are stored members `*\/data/<number>`. Only the central directory is
 * read: dtypes and names are in a pickle, which is a program and stays closed. @throws Unparsed
 */
export async function parseTorchZip(source: ByteSource): Promise<Tensor[]> {
  const reader = createWindowReader(source);
  const { count, offset } = await readEnd(source, reader);
  if (count > tensorsMax) throw new Unparsed(`${count} members`);
  const members: Member[] = [];
  reader.position = offset;
  for (let n = 0; n < count; n++) members.push(await readMember(reader));
  const tensors: Tensor[] = [];
  for (const { name, method, length, localOffset } of members) {
    if (method !== 0 || !/(^|\/)data\/[^/]+$/.test(name)) continue;
    reader.position = localOffset;
    if ((await reader.u32()) !== localSign) throw new Unparsed(`member ${name} is not where it should be`);
    reader.skip(22);
    const start = (await reader.u16()) + (await reader.u16()) + reader.position;
    tensors.push({ name, dtype: "unknown", shape: [], start, length });
  }
  return tensors;
}

async function readEnd(source: ByteSource, reader: WindowReader): Promise<{ count: number; offset: number }> {
  const from = Math.max(0, source.size - endBytes - commentMax);
  const tail = Buffer.from(await source.read(from, source.size - from));
  let at = tail.length - endBytes;
  while (at >= 0 && tail.readUInt32LE(at) !== endSign) at--;
  if (at < 0) throw new Unparsed("no end of a central directory");
  const [count, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 16)];
  if (count !== 0xffff && offset !== full) return { count, offset };
  reader.position = from + at - 20;
  if ((await reader.u32()) !== locatorSign) throw new Unparsed("no ZIP64 locator");
  reader.skip(4);
  reader.position = await reader.u64();
  if ((await reader.u32()) !== end64Sign) throw new Unparsed("no ZIP64 end");
  reader.skip(28);
  const count64 = await reader.u64();
  reader.skip(8);
  return { count: count64, offset: await reader.u64() };
}

type Member = { name: string; method: number; length: number; localOffset: number };

async function readMember(reader: WindowReader): Promise<Member> {
  if ((await reader.u32()) !== entrySign) throw new Unparsed("no entry of the central directory");
  reader.skip(6);
  const method = await reader.u16();
  reader.skip(8);
  const stored = await reader.u32();
  const plain = await reader.u32();
  const [nameBytes, extraBytes, commentBytes] = [await reader.u16(), await reader.u16(), await reader.u16()];
  reader.skip(8);
  const localOffset = await reader.u32();
  const name = Buffer.from(await reader.bytes(nameBytes)).toString("utf8");
  const extra = await reader.bytes(extraBytes);
  reader.skip(commentBytes);
  return { name, method, ...wide(Buffer.from(extra), { plain, stored, localOffset }) };
}

/** ZIP64: the numbers that did not fit are in the extra field, in this order and only those. */
function wide(
  extra: Buffer,
  { plain, stored, localOffset }: { plain: number; stored: number; localOffset: number },
): { length: number; localOffset: number } {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let place = at + 4;
    const [, length, offset] = [plain, stored, localOffset].map((value) => {
      if (value !== full) return value;
      if (place + 8 > extra.length) throw new Unparsed("a ZIP64 field cut short");
      const found = Number(extra.readBigUInt64LE(place));
      place += 8;
      return found;
    });
    return { length: length ?? stored, localOffset: offset ?? localOffset };
  }
  return { length: stored, localOffset };
}
