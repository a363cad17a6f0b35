import type { Paint } from "../paint.ts";
import type { HaproxyResult } from "./compare-haproxy.ts";
import type { FaultResult, TimelineLine } from "./play-fault.ts";

export const seconds = (ms: number): string => (ms / 1000).toFixed(2);

export function renderLine({ offsetMs, step, text }: TimelineLine, paint: Paint, columns: number): string {
  const head = `  t+${seconds(offsetMs).padStart(5)}  ${step.padEnd(8)} `;
  const room = Math.max(20, columns - head.length);
  const cut = text.length > room ? `${text.slice(0, room - 1)}…` : text;
  return `${paint("dim", head.slice(0, 10))}${step === "fault" ? paint("bad", head.slice(10)) : head.slice(10)}${cut}`;
}

export function renderResult(result: FaultResult, paint: Paint): string {
  const figures = [
    result.detectedMs === null ? null : `detected ${span(result.detectedMs)}`,
    `RTO ${span(result.rtoMs)}`,
    `failed ${result.failed}`,
    `wrong ${result.wrong}`,
    result.restoredMs === null ? null : `proven right again ${span(result.restoredMs)}`,
  ].filter((text) => text !== null);
  const mark = result.objectiveMet
    ? paint("good", "✔ objectives met")
    : paint("bad", `✘ ${result.missed.join("; ")}`);
  return `  ${paint("bold", figures.join(" · "))}\n  ${mark}\n`;
}

export const span = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

/** The table that the README shows: 79 columns, so that it stands in any terminal. */
export function renderSummary(results: readonly FaultResult[], paint: Paint): string {
  const columns = [
    { head: "fault", width: 16, cell: (result: FaultResult) => result.fault },
    { head: "health check", width: 12, cell: (result: FaultResult) => result.healthCheck },
    { head: "Locum", width: 12, cell: (result: FaultResult) => result.locum },
    {
      head: "seen",
      width: 6,
      right: true,
      cell: ({ detectedMs }: FaultResult) => (detectedMs === null ? "-" : span(detectedMs)),
    },
    { head: "RTO", width: 6, right: true, cell: (result: FaultResult) => span(result.rtoMs) },
    { head: "failed", width: 6, right: true, cell: (result: FaultResult) => String(result.failed) },
    { head: "wrong", width: 5, right: true, cell: (result: FaultResult) => String(result.wrong) },
    {
      head: "back",
      width: 6,
      right: true,
      cell: ({ restoredMs }: FaultResult) => (restoredMs === null ? "-" : span(restoredMs)),
    },
  ];
  const row = (cells: string[]) =>
    `  ${cells.map((cell, i) => (columns[i]?.right ? cell.padStart(columns[i]?.width ?? 0) : cell.padEnd(columns[i]?.width ?? 0))).join(" ")}`;
  const head = row(columns.map((column) => column.head));
  const lines = results.map(
    (result) =>
      `${row(columns.map((column) => column.cell(result)))} ${result.objectiveMet ? paint("good", "✔") : paint("bad", "✘")}`,
  );
  return [paint("bold", head), ...lines].join("\n");
}

/** Bad until so shortly before the end of the window is bad without end, as far as one looked. */
const endedWithinMs = 500;

/** Locum beside HAProxy, fault by fault: the same client, the same strikes, the same model servers. */
export function renderComparison(
  haproxy: readonly HaproxyResult[],
  results: readonly FaultResult[],
  paint: Paint,
): string {
  const row = (fault: string, ...cells: string[]) =>
    `  ${fault.padEnd(16)} ${cells.map((cell) => cell.padStart(13)).join(" ")}`;
  const lines = haproxy.map(({ fault, failed, wrong, lastBadMs, windowMs }) => {
    const locum = results.find((result) => result.fault === fault);
    const still = lastBadMs > windowMs - endedWithinMs ? "never ended" : span(lastBadMs);
    return row(
      fault,
      `${failed} / ${wrong}`,
      still,
      locum ? `${locum.failed} / ${locum.wrong}` : "-",
      locum ? span(locum.rtoMs) : "-",
    );
  });
  return [paint("bold", row("failed / wrong", "HAProxy", "last bad", "Locum", "last bad")), ...lines].join(
    "\n",
  );
}
