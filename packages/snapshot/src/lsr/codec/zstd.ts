import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { corrupt } from "../corrupt.ts";

/** Level 1: on exponent planes higher levels were measured to give a worse ratio, not only a slower one. */
export const zstdEncode = (plain: Uint8Array, level = 1): Uint8Array =>
  zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: level } });

/** @throws Fault snapshot-corrupt: no frame, or one of another length; no more than `length` is ever allocated */
export function zstdDecode(bytes: Uint8Array, length: number): Uint8Array {
  let plain: Uint8Array;
  try {
    plain = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, length) });
  } catch (error) {
    throw corrupt("a zstd frame that does not decode", error);
  }
  if (plain.length !== length) throw corrupt(`a zstd frame of ${plain.length} bytes, expected ${length}`);
  return plain;
}
