import { normals } from "../numbers.ts";
import type { Arena, Floats } from "./arena.ts";
import type { Kernels } from "./compile-kernels.ts";

/** `count` matrices of one shape, of which each step uses one: the experts of a layer. A plain layer is a stack of one. */
export type Stack = {
  shape: number[];
  floats: Float32Array;
  forward(n: number, x: Floats, out: Floats): void;
  /** What the layer's input is to blame for, of what its output is. */
  backward(n: number, gradient: Floats, out: Floats): void;
  learn(n: number, gradient: Floats, x: Floats, rate: number): void;
  /** For matrices of one row, which are looked up: `out` more by the row, and the row a step against a gradient. */
  addTo(n: number, out: Floats): void;
  learnRow(n: number, gradient: Floats, rate: number): void;
};

export function createStack(
  { arena, kernels }: { arena: Arena; kernels: Kernels },
  {
    count = 1,
    rows,
    columns,
    scale,
    random,
  }: { count?: number; rows: number; columns: number; scale: number; random: () => number },
): Stack {
  const weight = arena.take(count * rows * columns);
  const squares = arena.take(count * rows);
  normals(weight.floats, scale, random);
  const place = (n: number): number => weight.at + 4 * n * rows * columns;
  return {
    shape: count === 1 ? [rows, columns] : [count, rows, columns],
    floats: weight.floats,
    forward: (n, x, out) => kernels.forward(place(n), x.at, out.at, rows, columns),
    backward: (n, gradient, out) => kernels.backward(place(n), gradient.at, out.at, rows, columns),
    learn: (n, gradient, x, rate) =>
      kernels.learn(place(n), squares.at + 4 * n * rows, gradient.at, x.at, rows, columns, rate),
    addTo: (n, out) => kernels.add(out.at, place(n), 1, columns),
    learnRow: (n, gradient, rate) =>
      kernels.learnRow(place(n), squares.at + 4 * n, gradient.at, columns, rate),
  };
}
