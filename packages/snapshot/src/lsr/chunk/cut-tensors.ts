import { limits } from "../limits.ts";
import type { Tensor } from "./tensor.ts";

export type Piece = { start: number; length: number; tensor?: Tensor };

/**
 * Pieces of a file whose tensors are known: a tensor of 64 KiB or more from its own start, runs of smaller ones
 * together, and all else apart from them. So an edit of the header, or a header that grew, changes no tensor's piece.
 */
export function* cutTensors(size: number, tensors: readonly Tensor[]): Generator<Piece> {
  let [at, run] = [0, undefined as number | undefined];
  for (const tensor of tensors) {
    const { start, length } = tensor;
    const isLarge = length >= limits.smallTensor;
    // A gap between two small tensors is padding of a run, not worth a piece of its own.
    if (run !== undefined && (isLarge || start - at >= limits.smallTensor)) {
      yield* slices(run, at);
      run = undefined;
    }
    if (run === undefined) yield* slices(at, start);
    if (isLarge) yield* slices(start, start + length, tensor);
    else run ??= start;
    at = start + length;
  }
  if (run !== undefined) yield* slices(run, at);
  yield* slices(at, size);
}

function* slices(from: number, to: number, tensor?: Tensor): Generator<Piece> {
  for (let start = from; start < to; start += limits.chunk) {
    const length = Math.min(limits.chunk, to - start);
    yield tensor ? { start, length, tensor } : { start, length };
  }
}
