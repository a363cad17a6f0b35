import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { broken, type ReadAt, type ZipEntry } from "./zip-directory.ts";

const pieceBytes = 1024 * 1024;
const headerBytes = 30;

/**
 * Unpacks one entry piece by piece and holds it against what the directory says: place, size, CRC-32. Never keeps more
 * than a piece; a bomb ends at the size that was announced. Throws as readZipDirectory, or what `signal` throws.
 */
export async function checkZipEntry(
  readAt: ReadAt,
  entry: ZipEntry,
  { onPiece = () => undefined, signal }: { onPiece?: (piece: Buffer) => void; signal: AbortSignal },
): Promise<void> {
  const { name, method, bytes } = entry;
  const quoted = JSON.stringify(name.slice(0, 200));
  if (entry.encrypted) throw broken(`${quoted} is encrypted`);
  if (method !== 0 && method !== 8) throw broken(`${quoted} is packed by method ${method}`);
  let unpacked = 0;
  let sum = 0;
  const take = async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) {
      unpacked += piece.length;
      if (unpacked > bytes) throw broken(`${quoted} unpacks to more than its ${bytes} bytes`);
      sum = crc32(piece, sum);
      onPiece(piece);
    }
  };
  const packed = Readable.from(packedPieces(readAt, entry), { highWaterMark: 1 });
  try {
    if (method === 0) await pipeline(packed, take, { signal });
    else await pipeline(packed, createInflateRaw({ chunkSize: 65_536 }), take, { signal });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code?.startsWith("Z_") ? broken(`${quoted} does not unpack (${code})`) : error;
  }
  if (unpacked !== bytes) throw broken(`${quoted} unpacks to ${unpacked} bytes of ${bytes}`);
  if (sum !== entry.crc32) throw broken(`${quoted} does not have its checksum`);
}

async function* packedPieces(readAt: ReadAt, entry: ZipEntry): AsyncGenerator<Buffer> {
  const quoted = JSON.stringify(entry.name.slice(0, 200));
  const header = await readAt(entry.headerAt, headerBytes);
  if (header.length < headerBytes || header.toString("latin1", 0, 4) !== "PK\x03\x04")
    throw broken(`${quoted} is not where the directory says`);
  let at = entry.headerAt + headerBytes + header.readUInt16LE(26) + header.readUInt16LE(28);
  const end = at + entry.packedBytes;
  while (at < end) {
    const piece = await readAt(at, Math.min(pieceBytes, end - at));
    if (piece.length === 0) throw broken(`${quoted} is cut short`);
    at += piece.length;
    yield piece;
  }
}
