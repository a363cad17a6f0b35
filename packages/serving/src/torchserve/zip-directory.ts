import { Fault } from "@locum/contracts";

/** Bytes at a place of a file; fewer only at its end. */
export type ReadAt = (at: number, length: number) => Promise<Buffer>;

export type ZipEntry = {
  name: string;
  /** 0 stored, 8 deflated. */
  method: number;
  crc32: number;
  packedBytes: number;
  bytes: number;
  headerAt: number;
  encrypted: boolean;
};

const endBytes = 22;
const commentBytesMax = 65_535;
const end64LocatorBytes = 20;
const directoryBytesMax = 8 * 1024 * 1024;
const entriesMax = 100_000;

/**
 * The central directory of a zip file (PKWARE APPNOTE 6.3, with Zip64), which says what is in it and where. Throws
 * `upstream-refused` where there is none, or where it says what cannot be.
 */
export async function readZipDirectory(readAt: ReadAt, fileBytes: number): Promise<ZipEntry[]> {
  const { entries, bytes, at } = await findDirectory(readAt, fileBytes);
  if (entries > entriesMax || bytes > directoryBytesMax) throw broken("its directory is too large");
  if (at + bytes > fileBytes) throw broken("its directory lies outside of it: cut short?");
  const directory = await readAt(at, bytes);
  const read: ZipEntry[] = [];
  let place = 0;
  while (read.length < entries) {
    const { entry, length } = readEntry(directory.subarray(place));
    read.push(entry);
    place += length;
  }
  return read;
}

async function findDirectory(
  readAt: ReadAt,
  fileBytes: number,
): Promise<{ entries: number; bytes: number; at: number }> {
  const tailBytes = Math.min(fileBytes, endBytes + commentBytesMax + end64LocatorBytes);
  const tail = await readAt(fileBytes - tailBytes, tailBytes);
  const end = tail.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (end < 0 || end + endBytes > tail.length)
    throw broken("no directory at its end: no zip file, or cut short");
  const found = {
    entries: tail.readUInt16LE(end + 10),
    bytes: tail.readUInt32LE(end + 12),
    at: tail.readUInt32LE(end + 16),
  };
  const locator = end - end64LocatorBytes;
  if (locator < 0 || tail.toString("latin1", locator, locator + 4) !== "PK\x06\x07") return found;
  const end64 = await readAt(sizeOf(tail.readBigUInt64LE(locator + 8)), 56);
  if (end64.length < 56 || end64.toString("latin1", 0, 4) !== "PK\x06\x06") throw broken("a torn Zip64 end");
  return {
    entries: sizeOf(end64.readBigUInt64LE(32)),
    bytes: sizeOf(end64.readBigUInt64LE(40)),
    at: sizeOf(end64.readBigUInt64LE(48)),
  };
}

const entryBytes = 46;

function readEntry(from: Buffer): { entry: ZipEntry; length: number } {
  if (from.length < entryBytes || from.toString("latin1", 0, 4) !== "PK\x01\x02")
    throw broken("a torn directory");
  const nameBytes = from.readUInt16LE(28);
  const extraBytes = from.readUInt16LE(30);
  const length = entryBytes + nameBytes + extraBytes + from.readUInt16LE(32);
  if (length > from.length) throw broken("a torn directory");
  const extra = from.subarray(entryBytes + nameBytes, entryBytes + nameBytes + extraBytes);
  const wide = wideSizes(extra, [from.readUInt32LE(24), from.readUInt32LE(20), from.readUInt32LE(42)]);
  const [bytes = 0, packedBytes = 0, headerAt = 0] = wide;
  const entry = {
    name: from.toString("utf8", entryBytes, entryBytes + nameBytes),
    method: from.readUInt16LE(10),
    crc32: from.readUInt32LE(16),
    packedBytes,
    bytes,
    headerAt,
    encrypted: (from.readUInt16LE(8) & 1) === 1,
  };
  return { entry, length };
}

const inZip64 = 0xffffffff;

/** Sizes that 32 bits do not hold stand in the extra field 1, in this order, those alone that are needed. */
function wideSizes(extra: Buffer, sizes: number[]): number[] {
  if (!sizes.includes(inZip64)) return sizes;
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1) {
      const field = extra.subarray(at + 4, at + 4 + length);
      let place = 0;
      return sizes.map((size) => {
        if (size !== inZip64) return size;
        if (place + 8 > field.length) throw broken("a torn Zip64 field");
        place += 8;
        return sizeOf(field.readBigUInt64LE(place - 8));
      });
    }
    at += 4 + length;
  }
  return sizes;
}

function sizeOf(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw broken("a size that no file has");
  return Number(value);
}

export function broken(what: string): Fault {
  return new Fault("upstream-refused", `the archive is broken: ${what}`, {
    hint: "Put a whole archive in its place; the server was not asked to load this one.",
  });
}
