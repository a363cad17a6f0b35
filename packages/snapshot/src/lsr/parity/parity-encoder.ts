import { assert } from "@locum/contracts/fault";
import { corrupt } from "../corrupt.ts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import type { ParityInput } from "./encode-parity.ts";
import { powerOfTwo } from "./galois.ts";
import { countsOf, fixedBytes, type ParityShape, parityMagic, shapeFault } from "./parity-shape.ts";
import { createStripeSums } from "./stripe-sums.ts";

export type ParityEncoder = {
  /** The next block; the last one may be shorter. Its bytes are not kept. */
  add(bytes: Uint8Array): void;
  /** The parity file, in parts. */
  finish(): Uint8Array[];
};

/** The sums are an argument for who encodes many packs: they have memory of their own. */
export function createParityEncoder(
  packBytes: number,
  { packId, hash, k = 16, m = 1, blockBytes = limits.chunk }: ParityInput,
  sums = createStripeSums(),
): ParityEncoder {
  const shape = { packBytes, blockBytes, k, m };
  const fault = shapeFault(shape);
  if (fault) throw corrupt(`no parity for ${fault}`);
  const counts = countsOf(shape);
  const [hashes, blocks]: [Uint8Array[], Uint8Array[]] = [[], []];
  return {
    add(bytes) {
      const block = padded(bytes, blockBytes);
      const place = hashes.length % k;
      hashes.push(digestOf(hash, [block]));
      if (place === 0) sums.clear(m, blockBytes);
      sums.add(
        block,
        rowsOf(m, (row) => powerOfTwo(place * row)),
      );
      if (place === k - 1 || hashes.length === counts.data) blocks.push(...rowsOf(m, sums.take));
    },
    finish() {
      const all = [...hashes, ...blocks.map((block) => digestOf(hash, [block]))];
      const head = Buffer.concat([fixedOf(packId, shape), ...all]);
      assert(
        head.length + 32 === counts.headBytes && blocks.length === counts.parity,
        "parity as long as it says",
      );
      return [head, digestOf(hash, [head]), ...blocks];
    },
  };
}

function fixedOf(packId: string, { packBytes, blockBytes, k, m }: ParityShape): Uint8Array {
  const fixed = Buffer.alloc(fixedBytes);
  fixed.write(parityMagic, "latin1");
  fixed.set([1, k, m, 0], 4);
  fixed.writeUInt32LE(blockBytes, 8);
  fixed.writeBigUInt64LE(BigInt(packBytes), 12);
  fixed.write(packId, 20, "hex");
  return fixed;
}

const rowsOf = <T>(m: number, of: (row: number) => T): T[] => Array.from({ length: m }, (_, row) => of(row));

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length === length) return bytes;
  const out = new Uint8Array(length);
  out.set(bytes);
  return out;
}
