import type { Play } from "./play-failover.ts";
import { quantile } from "./quantile.ts";

/** Of the product, for the tap; restored holds for each of them. */
export const objectives = {
  crash: { firstMs: 300, failed: 0 },
  hang: { firstMs: 1000 },
  wrong: { lastBadMs: 2000 },
  idle: { detectedMs: 35_000 },
  restoredMs: 30_000,
} as const;

export type FailoverRow = {
  fault: string;
  way: string;
  runs: number;
  firstP50Ms: number | null;
  firstP99Ms: number | null;
  lastBadP99Ms: number | null;
  gapMaxMs: number | null;
  failed: number;
  wrong: number;
  answers: number;
  detectedP50Ms: number | null;
  detectedMaxMs: number | null;
  restoredP50Ms: number | null;
  restoredP99Ms: number | null;
  objective: object | null;
  missed: string[];
};

export function failoverRows(plays: readonly Play[]): FailoverRow[] {
  const groups = Map.groupBy(plays, ({ fault, way }) => `${fault} ${way}`);
  return [...groups.values()].map(rowOf);
}

function rowOf(plays: Play[]): FailoverRow {
  const [{ fault, way } = { fault: "", way: "" }] = plays;
  const at = (q: number, value: (play: Play) => number | null) => {
    const values = plays.map(value).filter((ms) => ms !== null);
    return values.length === 0 ? null : Math.round(quantile(values, q) * 10) / 10;
  };
  const sum = (value: (play: Play) => number) => plays.reduce((total, play) => total + value(play), 0);
  const row = {
    fault,
    way,
    runs: plays.length,
    firstP50Ms: at(0.5, ({ firstMs }) => firstMs),
    firstP99Ms: at(0.99, ({ firstMs }) => firstMs),
    lastBadP99Ms: at(0.99, ({ lastBadMs }) => lastBadMs),
    gapMaxMs: at(1, ({ gapMs }) => gapMs),
    failed: sum(({ failed }) => failed),
    wrong: sum(({ wrong }) => wrong),
    answers: sum(({ answers }) => answers),
    detectedP50Ms: at(0.5, ({ detectedMs }) => detectedMs),
    detectedMaxMs: at(1, ({ detectedMs }) => detectedMs),
    restoredP50Ms: at(0.5, ({ restoredMs }) => restoredMs),
    restoredP99Ms: at(0.99, ({ restoredMs }) => restoredMs),
  };
  return { ...row, ...judged(row) };
}

export type Loss = { fault: string; way: string; firstP50Ms: number; locumFirstP50Ms: number };

/** Where another way answers again sooner than Locum does. */
export function losses(rows: readonly FailoverRow[]): Loss[] {
  return rows.flatMap(({ fault, way, firstP50Ms }) => {
    const own = rows.find((row) => row.way === "locum" && row.fault === fault)?.firstP50Ms ?? null;
    if (way === "locum" || firstP50Ms === null || own === null || firstP50Ms >= own) return [];
    return [{ fault, way, firstP50Ms, locumFirstP50Ms: own }];
  });
}

type Figures = Omit<FailoverRow, "objective" | "missed">;

/** HAProxy is shown, not judged. */
function judged(row: Figures): { objective: object | null; missed: string[] } {
  if (!row.way.startsWith("locum")) return { objective: null, missed: [] };
  const objective = {
    ...(row.way === "locum idle"
      ? objectives.idle
      : row.fault === "crash" || row.fault === "hang"
        ? objectives[row.fault]
        : objectives.wrong),
    restoredMs: objectives.restoredMs,
  };
  const measured: Record<string, number | null> = {
    firstMs: row.firstP99Ms,
    failed: row.failed,
    lastBadMs: row.lastBadP99Ms,
    detectedMs: row.detectedMaxMs,
    restoredMs: row.restoredP99Ms,
  };
  const missed = Object.entries(objective).flatMap(([name, most]) => {
    const value = measured[name];
    return value !== null && value !== undefined && value <= most ? [] : [`${name} ${value}`];
  });
  return { objective, missed };
}
