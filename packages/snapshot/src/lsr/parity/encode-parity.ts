import { assert } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import { digestOf, type KeyedHash } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import { powerOfTwo } from "./galois.ts";
import { countsOf, fixedBytes, parityMagic, shapeFault } from "./parity-shape.ts";
import { createStripeSums } from "./stripe-sums.ts";

export type ParityInput = {
  /** Hex. */
  packId: string;
  hash: KeyedHash;
  /** Data blocks of a stripe. */
  k?: number;
  /** Parity blocks of a stripe: so many lost ones come back. */
  m?: 1 | 2;
  blockBytes?: number;
};

/**
 * The parity file of a pack, in parts, ready for its name (`parityPath`). Reads the pack once, block by block; beside
 * the result, a sixteenth of the pack for every m, it holds a block and the sums of one stripe.
 * @throws Fault snapshot-corrupt: the bytes are not those of the pack's name, whose parity would preserve the damage
 */
export async function encodeParity(
  source: ByteSource,
  { packId, hash, k = 16, m = 1, blockBytes = limits.chunk }: ParityInput,
): Promise<Uint8Array[]> {
  const shape = { packBytes: source.size, blockBytes, k, m };
  const fault = shapeFault(shape);
  if (fault) throw corrupt(`no parity for ${fault}`);
  const counts = countsOf(shape);
  const sums = createStripeSums();
  const whole = hash.hasher();
  const hashes: Uint8Array[] = [];
  const blocks: Uint8Array[] = [];
  for (let n = 0; n < counts.data; n++) {
    const at = n * blockBytes;
    const bytes = await source.read(at, Math.min(blockBytes, source.size - at));
    whole.update(bytes);
    const block = padded(bytes, blockBytes);
    hashes.push(digestOf(hash, [block]));
    const place = n % k;
    if (place === 0) sums.clear(m, blockBytes);
    sums.add(
      block,
      rowsOf(m, (row) => powerOfTwo(place * row)),
    );
    if (place === k - 1 || n === counts.data - 1) blocks.push(...rowsOf(m, sums.take));
  }
  if (Buffer.from(whole.digest()).toString("hex") !== packId)
    throw corrupt(`pack ${packId} is not what its name says: it gets no parity`);
  hashes.push(...blocks.map((block) => digestOf(hash, [block])));
  const head = Buffer.concat([fixedOf(packId, shape), ...hashes]);
  assert(
    head.length + 32 === counts.headBytes && blocks.length === counts.parity,
    "parity as long as it says",
  );
  return [head, digestOf(hash, [head]), ...blocks];
}

function fixedOf(packId: string, { packBytes, blockBytes, k, m }: { packBytes: number } & Shape): Uint8Array {
  const fixed = Buffer.alloc(fixedBytes);
  fixed.write(parityMagic, "latin1");
  fixed.set([1, k, m, 0], 4);
  fixed.writeUInt32LE(blockBytes, 8);
  fixed.writeBigUInt64LE(BigInt(packBytes), 12);
  fixed.write(packId, 20, "hex");
  return fixed;
}

type Shape = { blockBytes: number; k: number; m: number };

const rowsOf = <T>(m: number, of: (row: number) => T): T[] => Array.from({ length: m }, (_, row) => of(row));

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const out = new Uint8Array(length);
  out.set(bytes);
  return out;
}
