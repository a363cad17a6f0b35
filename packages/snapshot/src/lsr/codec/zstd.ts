import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { corrupt } from "../corrupt.ts";

/** Level 1: on exponent planes higher levels were measured to give a worse ratio, not only a slower one. */
export function zstdEncode(plain: Uint8Array, level = 1): Uint8Array {
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  const chunkSize = boundOf(plain.length);
  return takenFrom(zstdCompressSync(plain, { params, chunkSize }), chunkSize);
}

/**
 * To the start of `room` where there is one.
 * @throws Fault snapshot-corrupt: no frame, or one of another length; no more than `length` is ever allocated
 */
export function zstdDecode(bytes: Uint8Array, length: number, room?: Uint8Array): Uint8Array {
  // With a byte to spare the library sees the end, and makes no second piece to look for it.
  const chunkSize = Math.max(chunkMin, length + 1);
  let plain: Buffer;
  try {
    plain = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, length), chunkSize });
  } catch (error) {
    throw corrupt("a zstd frame that does not decode", error);
  }
  if (plain.length !== length) throw corrupt(`a zstd frame of ${plain.length} bytes, expected ${length}`);
  return takenFrom(plain, chunkSize, room);
}

/** What the library allows at least. */
const chunkMin = 64;

/** No frame is longer: ZSTD_COMPRESSBOUND of zstd.h. */
const boundOf = (length: number): number =>
  Math.max(chunkMin, length + (length >> 8) + Math.max(0, ((128 << 10) - length) >> 11) + 1);

/** A copy; the library's piece is given back at once, where it is none of Node's pool: left to the collector, such pieces came to 30 MB a thread. */
function takenFrom(found: Buffer, chunkSize: number, room?: Uint8Array): Uint8Array {
  room?.set(found);
  const bytes = room?.subarray(0, found.length) ?? new Uint8Array(found);
  if (found.buffer instanceof ArrayBuffer && found.buffer.byteLength === chunkSize) found.buffer.transfer(0);
  return bytes;
}
