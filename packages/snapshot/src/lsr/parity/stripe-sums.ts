import { assert } from "@locum/contracts/fault";
import { createKernels, places } from "../kernels/kernels.ts";
import { limits } from "../limits.ts";
import { product } from "./galois.ts";

/** Up to two sums of multiples of blocks in GF(2^8), which is all that encoding and repairing a stripe consist of. */
export type StripeSums = {
  /** Begins anew with `rows` sums of `blockBytes` zeros. */
  clear(rows: number, blockBytes: number): void;
  /** Adds `factors[row]` times the block to each sum. */
  add(block: Uint8Array, factors: readonly number[]): void;
  take(row: number): Uint8Array;
};

/** With kernels of its own: the sums of a stripe outlive the reading of its blocks, the thread's memory does not. */
export function createStripeSums(): StripeSums {
  const { bytes, gfMulAdd } = createKernels();
  const placeOf = (row: number) => places.planes + row * limits.chunk;
  let length = 0;
  return {
    clear(rows, blockBytes) {
      assert(rows <= 2 && blockBytes <= limits.chunk && blockBytes % 16 === 0, "sums that have a place");
      length = blockBytes;
      for (let row = 0; row < rows; row++) bytes.fill(0, placeOf(row), placeOf(row) + length);
    },
    add(block, factors) {
      assert(block.length === length, "a whole block");
      bytes.set(block, places.input);
      for (const [row, factor] of factors.entries()) {
        if (factor === 0) continue;
        for (let half = 0; half < 16; half++) {
          bytes[places.products + half] = product(factor, half);
          bytes[places.products + 16 + half] = product(factor, half << 4);
        }
        gfMulAdd(places.input, placeOf(row), length, places.products);
      }
    },
    take: (row) => bytes.slice(placeOf(row), placeOf(row) + length),
  };
}
