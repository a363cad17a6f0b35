import type { CallOptions } from "../model-server.ts";
import type { Ask } from "./exchange.ts";

/** Counters that are summed: families by their whole name, and a label that a line must hold to count. */
export type CounterGroup = { families: readonly string[]; label?: string };

export const metricsBytesMax = 8 * 1024 * 1024;

/**
 * A count from a page in the Prometheus text format. The first group with a line on it counts, all of its lines
 * together. Undefined where the page is not there or holds none of them.
 */
export function prometheusCount(
  ask: Ask,
  path: string,
  groups: readonly CounterGroup[],
): (options: CallOptions) => Promise<number | undefined> {
  return async ({ timeoutMs, signal }) => {
    const answer = await ask({ method: "GET", path, timeoutMs, signal, answerBytesMax: metricsBytesMax });
    if (answer.kind === "failed" || answer.status !== 200) return undefined;
    const lines = answer.body.toString("latin1").split("\n");
    for (const group of groups) {
      const values = lines
        .filter((line) => belongs(line, group))
        .map((line) => Number(line.slice(line.lastIndexOf(" "))));
      if (values.length === 0) continue;
      const sum = values.reduce((total, value) => total + value, 0);
      return Number.isFinite(sum) && sum >= 0 ? sum : undefined;
    }
    return undefined;
  };
}

function belongs(line: string, { families, label }: CounterGroup): boolean {
  const family = families.find((name) => line.startsWith(name) && "{ ".includes(line[name.length] ?? "x"));
  return family !== undefined && (label === undefined || line.includes(label));
}
