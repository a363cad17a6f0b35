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
    const page = answer.body.toString("latin1");
    for (const group of groups) {
      let sum: number | undefined;
      for (const line of linesOf(page, group)) sum = (sum ?? 0) + Number(line.slice(line.lastIndexOf(" ")));
      if (sum !== undefined) return Number.isFinite(sum) && sum >= 0 ? sum : undefined;
    }
    return undefined;
  };
}

/** A page may be millions of lines: it is searched, not split. */
function* linesOf(page: string, { families, label = "" }: CounterGroup): Generator<string> {
  for (const family of families) {
    for (let at = page.indexOf(family); at >= 0; at = page.indexOf(family, at + 1)) {
      const isStart = at === 0 || page[at - 1] === "\n";
      if (!isStart || !"{ ".includes(page[at + family.length] ?? "x")) continue;
      const end = page.indexOf("\n", at);
      const line = page.slice(at, end < 0 ? page.length : end);
      if (line.includes(label)) yield line;
    }
  }
}
