import type { AuditLog } from "@locum/audit";
import { catchUp, openProjection, type Projection } from "@locum/audit/projection";
import { AuditKind, AuditSearch } from "@locum/contracts";
import { quantile } from "../quantile.ts";
import { dayMs, startMs } from "./bench-event.ts";
import { timed } from "./timed.ts";

/** Projects the log into SQLite and asks it; gives the worst p99 of the questions, in milliseconds. */
export async function benchQuestions(
  file: string,
  log: AuditLog,
  count: number,
  row: (name: string, figures: Record<string, number>) => void,
): Promise<number> {
  const projection = openProjection(file);
  const ms = await timed(async () => void (await catchUp(projection, log)));
  row("project", { perSecond: (count / ms) * 1000, ms });
  const window = { op: "range", field: "at", gte: startMs, lt: startMs + 30 * dayMs } as const;
  const newest = [{ field: "seq", order: "desc" }] as const;
  const questions: Record<string, (turn: number) => object> = {
    "filter by kind and service": (turn) => ({
      filter: [
        { op: "term", field: "kind", value: AuditKind.options[turn % 20] },
        { op: "term", field: "service", value: `service-${turn % 4}` },
      ],
      sort: newest,
    }),
    "filter by instance and time": (turn) => ({
      filter: [
        { op: "term", field: "instance", value: `instance-${turn % 50}` },
        { op: "range", field: "at", gte: startMs + (turn % 30) * dayMs },
      ],
    }),
    "filter by incident": (turn) => ({ filter: [{ op: "term", field: "incident", value: `i-${turn * 7}` }] }),
    words: (turn) => ({ filter: [{ op: "text", words: `golden number${turn % 1000}` }], sort: newest }),
    "30 days by day and kind": () => ({
      filter: [window],
      limit: 0,
      aggregations: { days: { op: "histogram", intervalMs: dayMs, by: "kind" } },
    }),
    "30 days by hour of a service": (turn) => ({
      filter: [window, { op: "term", field: "service", value: `service-${turn % 4}` }],
      limit: 0,
      aggregations: { hours: { op: "histogram", intervalMs: 3_600_000 } },
    }),
  };
  const worst = Object.entries(questions).map(([name, question]) => {
    const msP99 = askOften(projection, question);
    row(name, msP99);
    return msP99.msP99;
  });
  projection.close();
  return Math.max(...worst);
}

function askOften(projection: Projection, question: (turn: number) => object) {
  const times = Array.from({ length: 300 }, (_, turn) => {
    const search = AuditSearch.parse(question(turn));
    const startedMs = performance.now();
    projection.search(search);
    return performance.now() - startedMs;
  });
  return { msP50: quantile(times, 0.5), msP99: quantile(times, 0.99) };
}
