import type { Arena, Floats } from "./arena.ts";
import type { Kernels } from "./compile-kernels.ts";
import { createStack, type Stack } from "./stack.ts";

/** Low-rank matrices B and A beside each matrix of a stack, which stands still: their product is what it learns. */
export type Adapter = {
  /** `out` more by B A x. */
  addTo(n: number, x: Floats, out: Floats): void;
  /** `out` more by what x is to blame for. */
  addBlame(n: number, gradient: Floats, out: Floats): void;
  learn(n: number, gradient: Floats, x: Floats, rate: number): void;
  /** Adds B A to the stack, and begins anew as no change. */
  merge(): void;
};

export function createAdapter(
  deps: { arena: Arena; kernels: Kernels },
  stack: Stack,
  { rank, random }: { rank: number; random: () => number },
): Adapter {
  const { arena, kernels } = deps;
  const [count = 0, rows = 0, columns = 0] = stack.shape;
  const a = createStack(deps, { count, rows: rank, columns, scale: 1 / Math.sqrt(columns), random });
  // B begins with zeros, so that an adapter begins as no change.
  const b = createStack(deps, { count, rows, columns: rank, scale: 0, random });
  const [low, toLow] = [arena.take(rank), arena.take(rank)];
  const [high, wide] = [arena.take(rows), arena.take(columns)];
  return {
    addTo(n, x, out) {
      a.forward(n, x, low);
      b.forward(n, low, high);
      kernels.add(out.at, high.at, 1, rows);
    },
    addBlame(n, gradient, out) {
      b.backward(n, gradient, toLow);
      a.backward(n, toLow, wide);
      kernels.add(out.at, wide.at, 1, columns);
    },
    learn(n, gradient, x, rate) {
      a.forward(n, x, low);
      b.backward(n, gradient, toLow);
      b.learn(n, gradient, low, rate);
      a.learn(n, toLow, x, rate);
    },
    merge() {
      for (let n = 0, at = 0; n < count; n++)
        for (let row = 0; row < rows; row++, at += columns)
          for (let r = 0; r < rank; r++)
            addScaled(
              stack.floats.subarray(at, at + columns),
              a.floats.subarray((n * rank + r) * columns, (n * rank + r + 1) * columns),
              b.floats[(n * rows + row) * rank + r] ?? 0,
            );
      b.floats.fill(0);
    },
  };
}

function addScaled(out: Float32Array, from: Float32Array, scale: number): void {
  for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + scale * (from[i] ?? 0);
}
