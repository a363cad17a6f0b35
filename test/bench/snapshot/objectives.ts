import { table } from "../table.ts";
import type { LargeFigures } from "./measure-large.ts";
import type { SwapFigures, SwapSkipped } from "./measure-swaps.ts";
import type { Detail, Row } from "./row.ts";

export type Objective = { name: string; asked: string; found: string; isMet: boolean };

const atMost = (name: string, found: number, asked: number, unit: string): Objective => ({
  name,
  asked: `<= ${asked} ${unit}`.trim(),
  found: `${shown(found)} ${unit}`.trim(),
  isMet: found <= asked,
});
const atLeast = (name: string, found: number, asked: number, unit: string): Objective => ({
  name,
  asked: `>= ${asked} ${unit}`,
  found: `${shown(found)} ${unit}`,
  isMet: found >= asked,
});
const shown = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2));

export type Figures = {
  rows: readonly Row[];
  details: readonly Detail[];
  large: LargeFigures | null;
  swaps: readonly (SwapFigures | SwapSkipped)[];
};

/** Below so many bytes a speed is that of start and end. */
const speedFromBytes = 200e6;
/** A pack is rounded up to 64 KiB, which is another ratio of less. */
const ratioFromBytes = 10e6;
/** Two swaps that are no further apart are equal: one garbage collection is as long. */
const swapNoiseMs = 3;

/** What was asked and what was found, of what was measured. Speeds are of dense bf16 in memory on two cores. */
export function judge({ rows, details, large, swaps }: Figures): Objective[] {
  return [...dense(rows, details), ...versions(details), ...ofLarge(large), ...ofSwaps(swaps)];
}

function dense(rows: readonly Row[], details: readonly Detail[]): Objective[] {
  const isIt = ({ tool, case: name }: Row | Detail): boolean => tool === "locum" && name === "bf16";
  const [row, detail] = [rows.find(isIt), details.find(isIt)];
  const bare = rows.find(({ tool, case: name }) => tool === "locum, BLAKE3" && name === "bf16");
  if (!row || !detail) return [];
  const sizeAndLoop = [
    atMost("bf16 stored", 100 * row.storedRatio, 66.5, "%"),
    atMost("loop p99 during a snapshot", detail.loopMsP99 ?? 0, 20, "ms"),
  ];
  if (detail.bytes < speedFromBytes) return sizeAndLoop;
  return [
    ...sizeAndLoop,
    atLeast("bf16 backup, read back", row.backupMBps, 550, "MB/s"),
    ...(bare ? [atLeast("bf16 backup, digests of BLAKE3 only", bare.backupMBps, 700, "MB/s")] : []),
    atLeast("bf16 restore", row.restoreMBps, 1000, "MB/s"),
  ];
}

function versions(details: readonly Detail[]): Objective[] {
  const own = details.filter(({ tool }) => tool === "locum");
  return own.flatMap(({ case: name, addedBytes, changedBytes, newChunks }) => {
    if (name.endsWith("metadata edited") && newChunks !== null)
      return [atMost(`${name}: new chunks`, newChunks, 1, "")];
    // Other dtypes have fewer bits to save: the figure is asked of bf16.
    if (name === "trained bf16, LoRA merged" && changedBytes && changedBytes >= ratioFromBytes)
      return [atMost(`${name}: added of changed`, (100 * addedBytes) / changedBytes, 67, "%")];
    const differences = details.find(
      ({ tool, case: of }) => tool === "locum, differences" && of === name && name.endsWith("fine-tuned"),
    );
    return differences
      ? [atMost(`${name}: differences of chunks`, (100 * differences.addedBytes) / addedBytes, 100, "%")]
      : [];
  });
}

function ofLarge(large: LargeFigures | null): Objective[] {
  if (!large) return [];
  const memory = (["backup", "restore"] as const).flatMap((act) =>
    (["small", "large"] as const).map((size) =>
      atMost(`memory, ${act} of ${large.megabytes[size]} MB`, large.peakMemoryMB[act][size], 256, "MB"),
    ),
  );
  const flip = atMost(`a byte of ${large.megabytes.large} MB found and repaired`, large.flipSeconds, 1, "s");
  return [...memory, flip];
}

function ofSwaps(swaps: readonly (SwapFigures | SwapSkipped)[]): Objective[] {
  const measured = swaps.flatMap((swap) => ("method" in swap ? [swap] : []));
  const limits = measured.map(({ method, megabytes, swapMs }) =>
    atMost(`swap by ${method}, ${megabytes} MB`, swapMs, 50, "ms"),
  );
  const ratios = [...new Set(measured.map(({ method }) => method))].flatMap((method): Objective[] => {
    const [small, large] = measured.filter((swap) => swap.method === method);
    if (!small || !large) return [];
    const ratio = large.fastestSwapMs / small.fastestSwapMs;
    return [
      {
        name: `swap by ${method}, ${large.megabytes} MB beside ${small.megabytes} MB`,
        asked: `<= 1.2, or ${swapNoiseMs} ms apart`,
        found: shown(ratio),
        isMet: ratio <= 1.2 || large.fastestSwapMs - small.fastestSwapMs <= swapNoiseMs,
      },
    ];
  });
  return [...limits, ...ratios];
}

export function renderObjectives(objectives: readonly Objective[]): string {
  const rows = objectives.map(({ name, asked, found, isMet }) => [
    name,
    asked,
    found,
    isMet ? "met" : "missed",
  ]);
  return rows.length > 0 ? `${table(["objective", "asked", "found", ""], rows)}\n` : "";
}
