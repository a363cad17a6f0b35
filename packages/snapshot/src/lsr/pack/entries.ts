import { codecId } from "../codec/codec-id.ts";
import { corrupt } from "../corrupt.ts";
import { tagBytes } from "../crypto/seal.ts";
import { limits } from "../limits.ts";

/** Where a chunk's record lies in its pack, and what it was. */
export type Entry = {
  chunkId: Uint8Array;
  offset: number;
  /** Of the ciphertext, without its tag. */
  length: number;
  plainLength: number;
  codec: number;
  base?: Uint8Array;
};

const fixedBytes = 52;

export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(entries.length);
  const parts = entries.flatMap(({ chunkId, offset, length, plainLength, codec, base }) => {
    const fixed = Buffer.alloc(fixedBytes);
    fixed.set(chunkId);
    fixed.writeBigUInt64LE(BigInt(offset), 32);
    fixed.writeUInt32LE(length, 40);
    fixed.writeUInt32LE(plainLength, 44);
    fixed[48] = codec;
    fixed[49] = base ? 1 : 0;
    return base ? [fixed, base] : [fixed];
  });
  return Buffer.concat([count, ...parts]);
}

/** How long `encodeEntries` makes them. */
export const encodedBytes = (entries: readonly Entry[]): number =>
  entries.reduce((sum, { base }) => sum + fixedBytes + (base ? 32 : 0), 4);

/**
 * Entries from `at`, and where they end. Their records must lie one after another, so that no two of them overlap and
 * none reaches into the header or the trailer: `start` is where the first begins, `end` where the last must end, both
 * left out where the pack is not at hand, as in an index.
 * @throws Fault snapshot-corrupt
 */
export function parseEntries(
  bytes: Uint8Array,
  { at = 0, start, end }: { at?: number; start?: number; end?: number } = {},
): { entries: Entry[]; at: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (at + 4 > buffer.length) throw corrupt("entries without their count");
  const count = buffer.readUInt32LE(at);
  if (count > (buffer.length - at - 4) / fixedBytes) throw corrupt(`${count} entries do not fit`);
  const entries: Entry[] = [];
  let [place, offset] = [at + 4, start ?? firstOffset(buffer, at + 4, count)];
  for (let n = 0; n < count; n++) {
    const entry = parseEntry(buffer, place);
    if (entry.offset !== offset) throw corrupt(`record ${n} at ${entry.offset}, expected at ${offset}`);
    place += fixedBytes + (entry.base ? 32 : 0);
    offset += entry.length + tagBytes;
    entries.push(entry);
  }
  if (end !== undefined && offset !== end) throw corrupt(`records end at ${offset}, expected at ${end}`);
  return { entries, at: place };
}

const firstOffset = (buffer: Buffer, at: number, count: number): number =>
  count === 0 ? 0 : Number(buffer.readBigUInt64LE(at + 32));

function parseEntry(buffer: Buffer, at: number): Entry {
  if (at + fixedBytes > buffer.length) throw corrupt("an entry cut short");
  const entry: Entry = {
    chunkId: buffer.subarray(at, at + 32),
    offset: Number(buffer.readBigUInt64LE(at + 32)),
    length: buffer.readUInt32LE(at + 40),
    plainLength: buffer.readUInt32LE(at + 44),
    codec: buffer[at + 48] ?? 255,
  };
  if (entry.plainLength > limits.chunk || entry.length > limits.chunk + limits.recordOverhead)
    throw corrupt(`a record of ${entry.length} bytes for a chunk of ${entry.plainLength}`);
  const hasBase = buffer[at + 49] === 1;
  if (hasBase !== (entry.codec === codecId.delta)) throw corrupt("a base without a delta, or the reverse");
  if (!hasBase) return entry;
  if (at + fixedBytes + 32 > buffer.length) throw corrupt("an entry cut short");
  return { ...entry, base: buffer.subarray(at + fixedBytes, at + fixedBytes + 32) };
}
