import { table } from "../table.ts";
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

export type Figures = { rows: readonly Row[]; details: readonly Detail[] };

/** What was asked and what was found, of what was measured. Speeds are of dense bf16 in memory on two cores. */
export function judge({ rows, details }: Figures): Objective[] {
  const own = (name: string): Row | undefined =>
    rows.find(({ tool, case: of }) => tool === "locum" && of === name);
  const dense = own("bf16");
  const loop = details.find(({ tool, case: of }) => tool === "locum" && of === "bf16")?.loopMsP99;
  return [
    ...(dense
      ? [
          atMost("bf16 stored", 100 * dense.storedRatio, 66.5, "%"),
          atLeast("bf16 backup, read back", dense.backupMBps, 550, "MB/s"),
          atLeast("bf16 restore", dense.restoreMBps, 1000, "MB/s"),
        ]
      : []),
    ...(typeof loop === "number" ? [atMost("loop p99 during a snapshot", loop, 20, "ms")] : []),
    ...versions(details),
  ];
}

function versions(details: readonly Detail[]): Objective[] {
  const own = details.filter(({ tool }) => tool === "locum");
  return own.flatMap(({ case: name, addedBytes, changedBytes, newChunks }) => {
    if (name.endsWith("metadata edited") && newChunks !== null)
      return [atMost(`${name}: new chunks`, newChunks, 1, "")];
    // Other dtypes have fewer bits to save: the figure is asked of bf16.
    if (name === "trained bf16, LoRA merged" && changedBytes)
      return [atMost(`${name}: added of changed`, addedBytes / changedBytes, 0.67, "")];
    const differences = details.find(
      ({ tool, case: of }) => tool === "locum, differences" && of === name && name.endsWith("fine-tuned"),
    );
    return differences
      ? [atMost(`${name}: differences beside chunks`, differences.addedBytes / addedBytes, 1, "")]
      : [];
  });
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
