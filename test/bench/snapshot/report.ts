import { table } from "../table.ts";
import type { LargeFigures } from "./measure-large.ts";
import type { SwapFigures, SwapSkipped } from "./measure-swaps.ts";
import type { Detail, Row } from "./row.ts";
import type { Tool } from "./tools.ts";
import type { Trained } from "./trained/train-models.ts";

export function renderTools(tools: readonly Tool[]): string {
  const rows = tools.map(({ name, version, configuration, skipped }) => [
    name,
    skipped ? `left out: ${skipped}` : version,
    configuration,
  ]);
  return `${table(["tool", "version", "configuration"], rows)}\n`;
}

export function renderTrained({ heldOut, seconds }: Trained, isCached: boolean): string {
  const rows = Object.entries(heldOut).map(([version, held]) => [
    version,
    held.code.toFixed(3),
    held.documents.toFixed(3),
    held.settings.toFixed(3),
    `${(100 * held.digits).toFixed(0)} %`,
  ]);
  const head = ["weights", "code", "documents", "settings", "digits right"];
  const when = isCached ? "; kept from an earlier run" : "";
  return `what the trained models were not shown: bits a character of text, share of digits\n${table(head, rows)}\n${seconds.toFixed(1)} s of learning${when}\n`;
}

const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`;

export function renderRows(rows: readonly Row[], rounds: number): string {
  const cells = byCase(rows).map((row) => [
    row.case,
    row.tool,
    percent(row.storedRatio),
    percent(row.addedRatio),
    row.backupMBps,
    row.restoreMBps,
    row.cpuSeconds,
    row.peakMemoryMB,
  ]);
  const head = ["case", "tool", "stored", "added", "backup MB/s", "restore MB/s", "CPU s", "peak MB"];
  return `${table(head, cells)}\nmedians of ${rounds} rounds; every restore was compared with its source byte for byte; rates of Locum and zipnn are without the start of their processes, of the others with it\n`;
}

/** How Locum stands to each of the others: above 1 it is faster, or takes and stores less. */
export function renderRatios(rows: readonly Row[]): string {
  const cells = ownRows(rows).flatMap((own) =>
    rivalsOf(own, rows).map((other) => [
      own.case,
      other.tool,
      times(own.backupMBps / other.backupMBps),
      times(own.restoreMBps / other.restoreMBps),
      times(other.addedRatio / own.addedRatio),
      times(other.cpuSeconds / own.cpuSeconds),
      times(other.peakMemoryMB / own.peakMemoryMB),
    ]),
  );
  if (cells.length === 0) return "";
  const head = ["case", "locum beside", "backup", "restore", "added", "CPU", "memory"];
  return `${table(head, cells)}\n`;
}

const times = (ratio: number): string => (Number.isFinite(ratio) ? `x ${ratio.toFixed(2)}` : "-");

/** What a version added, where a tool keeps versions. */
export function renderSeries(details: readonly Detail[]): string {
  const later = details.filter(({ changedBytes }) => changedBytes !== null);
  if (later.length === 0) return "";
  const megabytes = (bytes: number | null): string =>
    bytes === null ? "-" : (bytes / 1e6).toFixed(bytes < 1e5 ? 4 : 2);
  const cells = byCase(later).map((one) => [
    one.case,
    one.tool,
    megabytes(one.changedBytes),
    megabytes(one.addedBytes),
    percent(one.addedBytes / (one.changedBytes || 1)),
    one.newChunks,
  ]);
  const head = ["version", "tool", "changed MB", "added MB", "of changed", "new chunks"];
  return `each version after the one before it; changed: tensors and files that differ\n${table(head, cells)}\n`;
}

export function renderLarge({ megabytes, peakMemoryMB, flipSeconds }: LargeFigures): string {
  const rows = (["small", "large"] as const).map((size) => [
    megabytes[size],
    peakMemoryMB.backup[size],
    peakMemoryMB.restore[size],
  ]);
  return `${table(["bf16 MB", "peak MB, backup", "peak MB, restore"], whole(rows))}\none flipped byte of ${megabytes.large} MB found and repaired in ${flipSeconds.toFixed(2)} s\n`;
}

const whole = (rows: number[][]): number[][] => rows.map((row) => row.map(Math.round));

export function renderSwaps(swaps: readonly (SwapFigures | SwapSkipped)[]): string {
  const rows = swaps.map((swap) =>
    "method" in swap
      ? [
          swap.method,
          swap.megabytes,
          swap.swapMs.toFixed(1),
          swap.fastestSwapMs.toFixed(1),
          swap.cloneMs.toFixed(0),
          swap.verifyMs.toFixed(0),
        ]
      : ["left out", swap.megabytes, swap.skipped, "", "", ""],
  );
  const head = ["twin put in place by", "MB", "swap ms", "fastest", "clone ms before", "read back ms after"];
  return rows.length > 0 ? `${table(head, rows)}\n` : "";
}

/** What another tool is better at: said, not left to be found. */
export function renderLosses(rows: readonly Row[]): string {
  const lines = ownRows(rows).flatMap((own) =>
    rivalsOf(own, rows).flatMap((other) => {
      const better = [
        ...(other.addedRatio < own.addedRatio ? ["stores less"] : []),
        ...(other.backupMBps > own.backupMBps ? ["backs up faster"] : []),
        ...(other.restoreMBps > own.restoreMBps ? ["restores faster"] : []),
        ...(other.cpuSeconds < own.cpuSeconds ? ["takes less CPU"] : []),
        ...(other.peakMemoryMB < own.peakMemoryMB ? ["takes less memory"] : []),
      ];
      return better.length > 0 ? [`${own.case}: ${other.tool} ${better.join(", ")}`] : [];
    }),
  );
  return lines.length > 0 ? `losses\n${lines.join("\n")}\n` : "no losses\n";
}

const ownRows = (rows: readonly Row[]): Row[] => rows.filter(({ tool }) => tool === "locum");
const rivalsOf = (own: Row, rows: readonly Row[]): Row[] =>
  rows.filter(({ case: name, tool }) => name === own.case && !tool.startsWith("locum"));

/** Cases in their order, all tools of one together. */
function byCase<T extends { case: string }>(all: readonly T[]): T[] {
  const order = [...new Set(all.map(({ case: name }) => name))];
  return all.toSorted((a, b) => order.indexOf(a.case) - order.indexOf(b.case));
}
