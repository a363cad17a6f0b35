import type { Tensor } from "../chunk/tensor.ts";
import type { ChunkPlace } from "../write-snapshot.ts";

export type TensorsOf = (path: string) => readonly Tensor[] | undefined;

/**
 * Where a piece of a newer file is to be looked for in an older one of the same path: at the same place of the same
 * tensor, whatever grew or shrank before it; without a tensor of that name and length, at the same place of the file.
 */
export function alignPlaces({ newer, older }: { newer: TensorsOf; older: TensorsOf }) {
  const byName = new Map<string, Map<string, Tensor>>();
  function named(path: string): Map<string, Tensor> {
    const known = byName.get(path);
    if (known) return known;
    const tensors = new Map((older(path) ?? []).map((tensor) => [tensor.name, tensor]));
    byName.set(path, tensors);
    return tensors;
  }
  return ({ path, start, length }: ChunkPlace): ChunkPlace => {
    const tensor = lastFrom(newer(path) ?? [], start);
    const same = tensor && named(path).get(tensor.name);
    const isInside = tensor !== undefined && start < tensor.start + tensor.length;
    if (!isInside || same?.length !== tensor.length) return { path, start, length };
    return { path, start: same.start + (start - tensor.start), length };
  };
}

/** The last that begins at `start` or before it; they are in the order of their places. */
function lastFrom(tensors: readonly Tensor[], start: number): Tensor | undefined {
  let [low, high] = [0, tensors.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tensors[middle]?.start ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  return tensors[low - 1];
}
