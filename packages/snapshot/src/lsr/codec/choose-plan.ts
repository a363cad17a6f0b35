import { release } from "../release.ts";
import { encodeChunk, type Plan, worthBelow } from "./encode-chunk.ts";
import type { PlaneMode } from "./planes.ts";

/** As much of a tensor as decides: a piece from its middle, of a large one another from its start and its end. */
const pieceBytes = 64 << 10;
const largeTensor = 4 << 20;

/** A map, not an object: dtypes are words of outside, and `constructor` is none of ours. */
const modes = new Map<string, PlaneMode>([
  ["bf16", { width: 2, isRotated: true }],
  ["f16", { width: 2, isRotated: true }],
  ["f32", { width: 4, isRotated: true }],
  ["f64", { width: 8, isRotated: true }],
  ["f8", { width: 1, isRotated: false }],
]);

/** How the tensor's own chunks are best encoded, by trying. `dtype` is one of the names above, `unknown`, or any other word. */
export function choosePlan(samples: readonly Uint8Array[], dtype: string): Plan {
  // A storage in a pickle does not say what it holds: the common ones are tried.
  const tried = dtype === "unknown" ? ["bf16", "f32"] : [dtype];
  const planes = tried.flatMap((name): Plan[] => {
    const mode = modes.get(name);
    return mode ? [{ kind: "planes", mode }] : [];
  });
  const raw = samples.map(({ length }) => worthBelow * length);
  let best: { plan: Plan; sizes: number[] } = { plan: { kind: "raw" }, sizes: raw };
  for (const plan of [...planes, { kind: "zstd" } as const]) {
    const sizes: number[] = [];
    for (const sample of samples) {
      sizes.push(sizeOf(sample, plan));
      // What is behind at the start of a tensor seldom leads at its end, and each try of zstd leaves memory behind.
      if (plan.kind === "zstd" && (sizes[0] ?? 0) >= (best.sizes[0] ?? 0)) break;
    }
    if (sizes.length === samples.length && sumOf(sizes) < sumOf(best.sizes)) best = { plan, sizes };
  }
  return best.plan;
}

const sumOf = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0);

function sizeOf(sample: Uint8Array, plan: Plan): number {
  const { bytes } = encodeChunk(sample, plan);
  const { length } = bytes;
  if (bytes.buffer !== sample.buffer) release(bytes);
  return length;
}

/** Where to read a sample of `length` bytes, as offsets; every one is a multiple of 8 from the tensor's start. */
export function sampleRanges(length: number): { start: number; length: number }[] {
  const aligned = (start: number): { start: number; length: number } => ({
    start: start - (start % 8),
    length: Math.min(pieceBytes, length),
  });
  const last = Math.max(0, length - pieceBytes);
  const starts = length < largeTensor ? [last / 2] : [0, last / 2, last];
  return starts.map((start) => aligned(Math.floor(start)));
}
