import type { ByteSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import {
  countsOf,
  fixedBytes,
  hashBytes,
  type ParityCounts,
  type ParityShape,
  parityMagic,
  shapeFault,
} from "./parity-shape.ts";

/** A parity file whose head is whole; each of its blocks may be damaged or missing all the same. */
export type Parity = ParityShape & {
  /** Hex. */
  packId: string;
  counts: ParityCounts;
  /** Of data block n. */
  dataHash(n: number): Uint8Array;
  /** Of parity block n: block n mod m of stripe floor(n / m). */
  parityHash(n: number): Uint8Array;
  source: ByteSource;
};

/**
 * Reads the head, at most 3 MiB, and nothing of it is believed before its own hash. A file that ends after the head is
 * no fault: its hashes still say which blocks of the pack are lost.
 * @throws Fault snapshot-corrupt
 */
export async function parseParity(source: ByteSource, hash: KeyedHash): Promise<Parity> {
  if (source.size < fixedBytes) throw corrupt(`a parity file of ${source.size} bytes`);
  const { packId, shape } = parseFixed(asBuffer(await source.read(0, fixedBytes)));
  const counts = countsOf(shape);
  if (source.size < counts.headBytes)
    throw corrupt(`a parity file of ${source.size} bytes, its head alone has ${counts.headBytes}`);
  const head = await source.read(0, counts.headBytes);
  const hashed = counts.headBytes - hashBytes;
  if (Buffer.compare(digestOf(hash, [head.subarray(0, hashed)]), head.subarray(hashed)) !== 0)
    throw corrupt("the head of a parity file is damaged");
  const hashAt = (n: number) => head.subarray(fixedBytes + n * hashBytes, fixedBytes + (n + 1) * hashBytes);
  return {
    ...shape,
    packId,
    counts,
    dataHash: hashAt,
    parityHash: (n) => hashAt(counts.data + n),
    source,
  };
}

function parseFixed(fixed: Buffer): { packId: string; shape: ParityShape } {
  const magic = fixed.toString("latin1", 0, 4);
  if (magic !== parityMagic)
    throw corrupt(`the file begins with ${JSON.stringify(magic)}, expected ${parityMagic}`);
  if (fixed[4] !== 1) throw corrupt(`parity of version ${fixed[4]} is not known here, only 1`);
  if (fixed[7] !== 0) throw corrupt("a parity head with a byte that should be zero");
  const shape = {
    k: fixed[5] ?? 0,
    m: fixed[6] ?? 0,
    blockBytes: fixed.readUInt32LE(8),
    packBytes: Number(fixed.readBigUInt64LE(12)),
  };
  const fault = shapeFault(shape);
  if (fault) throw corrupt(`parity of ${fault}`);
  return { packId: fixed.toString("hex", 20, fixedBytes), shape };
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
