import {
  type AuditAggregation,
  type AuditAnswer,
  type AuditRecord,
  type AuditSearch,
  auditOrder,
  Fault,
} from "@locum/contracts";
import { barsMax, compileAggregation, compileCount, splitMax } from "./compile-aggregation.ts";
import { compilePage } from "./compile-page.ts";
import type { Sql } from "./sql-condition.ts";

type All = <Row>(sql: Sql) => Row[];
type Key = string | number;

/** Answers a question from SQLite. */
export function searchProjection(search: AuditSearch, all: All): AuditAnswer {
  const rows = search.limit === 0 ? [] : all<{ line: string } & Record<string, Key>>(compilePage(search));
  const last = rows.at(-1);
  const isFull = rows.length === search.limit;
  return {
    records: rows.map(({ line }) => JSON.parse(line) as AuditRecord),
    next: last && isFull ? auditOrder(search.sort).map((_, index) => last[`k${index}`] ?? "") : null,
    aggregations: Object.fromEntries(
      Object.entries(search.aggregations).map(([name, aggregation]) => [
        name,
        aggregate(aggregation, search.filter, all),
      ]),
    ),
  };
}

type Result = AuditAnswer["aggregations"][string];

function aggregate(aggregation: AuditAggregation, filter: AuditSearch["filter"], all: All): Result {
  if (aggregation.op === "filters")
    return {
      buckets: Object.entries(aggregation.filters)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, condition]) => ({
          key,
          count: all<{ value: number }>(compileCount([...filter, condition]))[0]?.value ?? 0,
        })),
    };
  const rows = all(compileAggregation(aggregation, filter));
  switch (aggregation.op) {
    case "cardinality":
      return { value: (rows as { value: number }[])[0]?.value ?? 0 };
    case "stats":
      return { ...(rows[0] as Extract<Result, { sum: number }>) };
    case "terms":
      return { buckets: (rows as Counted[]).map(({ key, n }) => ({ key, count: n })) };
    case "histogram":
      if (rows.length > barsMax)
        throw new Fault("request-invalid", `a histogram of more than ${barsMax} bars`, {
          hint: "Ask for a longer intervalMs, or for a shorter span of at.",
        });
      return {
        buckets: aggregation.by
          ? split(rows as Counted[])
          : (rows as Counted[]).map(({ key, n }) => ({ key, count: n })),
      };
  }
}

type Counted = { key: Key; n: number; by?: string };

function split(rows: readonly Counted[]): { key: Key; count: number; by: { key: Key; count: number }[] }[] {
  const buckets: { key: Key; count: number; by: { key: Key; count: number }[] }[] = [];
  for (const { key, n, by = "" } of rows) {
    const last = buckets.at(-1);
    const part = { key: by, count: n };
    if (last?.key !== key) buckets.push({ key, count: n, by: [part] });
    else {
      last.count += n;
      if (last.by.length < splitMax) last.by.push(part);
    }
  }
  return buckets;
}
