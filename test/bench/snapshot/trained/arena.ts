import { type Memory, webAssembly } from "./web-assembly.ts";

/** A piece of the memory that kernels work on: where it begins, and its floats. */
export type Floats = { at: number; floats: Float32Array };

export type Arena = { memory: Memory; take(length: number): Floats };

const pageBytes = 64 << 10;
/** The kernels' own: the compiler lays nothing beyond it. */
const keptBytes = 64 << 10;

/** A memory of fixed size, taken from its start to its end and never given back. */
export function createArena(floats: number): Arena {
  // Each piece begins at a multiple of 16 bytes: a little more for that.
  const pages = Math.ceil((keptBytes + 4 * floats + pageBytes) / pageBytes);
  const memory = new webAssembly.Memory({ initial: pages });
  let end = keptBytes;
  return {
    memory,
    take(length) {
      const at = end;
      end += Math.ceil(length / 4) * 16;
      return { at, floats: new Float32Array(memory.buffer, at, length) };
    },
  };
}
