import { quantile } from "../quantile.ts";

/** What scripts get of each tool and case. */
export type Row = {
  tool: string;
  case: string;
  /** All that the repository holds, of all bytes that were backed up into it. */
  storedRatio: number;
  /** What this version added, of its own bytes. For a first version the same. */
  addedRatio: number;
  backupMBps: number;
  restoreMBps: number;
  /** Backup and restore together. */
  cpuSeconds: number;
  peakMemoryMB: number;
};

/** What one tool alone tells, or what only some cases have. */
export type Detail = {
  tool: string;
  case: string;
  bytes: number;
  addedBytes: number;
  newChunks: number | null;
  /** Of tensors and files that differ from the version before. */
  changedBytes: number | null;
  loopMsP99: number | null;
  loopMsMax: number | null;
};

export type Measurement = { row: Row; detail: Detail };

/** Each number is the median of its rounds. */
export function medianOf<T extends Row | Detail>(rounds: readonly T[]): T {
  const [first] = rounds;
  if (!first) throw new Error("a case without a round");
  const medians = Object.entries(first)
    .filter(([, value]) => typeof value === "number")
    .map(([key]) => {
      const values = rounds.map((round) => Number(round[key as keyof T]));
      return [key, rounded(quantile(values, 0.5))] as const;
    });
  return { ...first, ...Object.fromEntries(medians) };
}

const rounded = (value: number): number => (value >= 10 ? Math.round(value) : Number(value.toFixed(4)));
