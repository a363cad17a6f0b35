import { cutTensors, type Piece } from "../chunk/cut-tensors.ts";
import type { Tensor } from "../chunk/tensor.ts";
import { limits } from "../limits.ts";

/** As much of a file as is read at once. */
export const windowBytes = 4 * limits.chunk;

/** Chunks that lie one after another; without pieces it is to be cut by content. */
export type Window = { start: number; length: number; pieces?: Piece[] };

/** The pieces of a file whose tensors are known, as many at a time as a window holds. */
export function* tensorWindows(size: number, tensors: readonly Tensor[]): Generator<Window> {
  let window: Required<Window> = { start: 0, length: 0, pieces: [] };
  for (const piece of cutTensors(size, tensors)) {
    if (window.length + piece.length > windowBytes) {
      yield window;
      window = { start: piece.start, length: 0, pieces: [] };
    }
    window.pieces.push(piece);
    window.length += piece.length;
  }
  yield window;
}
