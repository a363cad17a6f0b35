import type { AuditAggregation, AuditCondition } from "@locum/contracts";
import { allSql, between, fieldSql, join, type Sql } from "./sql-condition.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Bars, or parts of bars where they are split: a minute's bar over a year is nothing to look at, and Elasticsearch gives
 * no answer of more than 65 536 buckets.
 */
export const barsMax = 30_000;
/** The most values that a bar of a histogram is split by, the most frequent first. */
export const splitMax = 100;

type Unit = { table: string; ms: number };
/** Counts by unit of time, kind and service, the largest unit first. */
export const rollUps: readonly Unit[] = [
  { table: "days", ms: dayMs },
  { table: "hours", ms: hourMs },
];

/**
 * The statement of an aggregation. Its rows are `key, n` (`by` too in a split histogram), or the figures of `stats` and
 * `cardinality`. `filters` is one statement a filter and not made here.
 */
export function compileAggregation(
  aggregation: Exclude<AuditAggregation, { op: "filters" }>,
  filter: readonly AuditCondition[],
): Sql {
  switch (aggregation.op) {
    case "terms": {
      const { field, size } = aggregation;
      const counted = field === "kind" || field === "service";
      const from = counted ? countsSql(filter) : recordsSql(filter);
      const key = fieldSql(field);
      return join("SELECT ", key, ` AS key, sum(n) AS n FROM (`, from, {
        text: ") WHERE key IS NOT NULL GROUP BY key ORDER BY n DESC, key LIMIT ?",
        values: [size],
      });
    }
    case "histogram": {
      const { intervalMs, by } = aggregation;
      const from = intervalMs % hourMs === 0 ? countsSql(filter, intervalMs) : recordsSql(filter);
      const split = by ? `, ${by} AS by` : "";
      return join(
        {
          text: `SELECT ${floorTo("at")} AS key${split}, sum(n) AS n FROM (`,
          values: [intervalMs, intervalMs, intervalMs],
        },
        from,
        {
          text: `) GROUP BY key${by ? ", by ORDER BY key, n DESC, by" : " ORDER BY key"} LIMIT ?`,
          values: [barsMax + 1],
        },
      );
    }
    case "cardinality":
      return join(
        "SELECT count(DISTINCT ",
        fieldSql(aggregation.field),
        ") AS value FROM (",
        recordsSql(filter),
        ")",
      );
    case "stats": {
      return join(
        "SELECT count(value) AS count, min(value) AS min, max(value) AS max, total(value) AS sum, avg(value) AS avg FROM (SELECT ",
        fieldSql(aggregation.field),
        " AS value FROM (",
        recordsSql(filter),
        "))",
      );
    }
  }
}

/** How many records match. */
export const compileCount = (filter: readonly AuditCondition[]): Sql =>
  join("SELECT coalesce(sum(n), 0) AS value FROM (", countsSql(filter), ")");

const recordsSql = (filter: readonly AuditCondition[]): Sql =>
  join("SELECT *, 1 AS n FROM records WHERE ", allSql(filter));

/**
 * Rows `at, kind, service, n`: whole hours from the roll-up where the conditions can be told from it, and single
 * records at the edges only. Thirty days are some thousand rows then, not a million.
 */
function countsSql(filter: readonly AuditCondition[], intervalMs = dayMs): Sql {
  const others = filter.filter(({ op }) => op !== "range");
  const ranges = filter.filter((condition) => condition.op === "range");
  const rolls =
    others.every(
      (condition) =>
        (condition.op === "term" || condition.op === "terms") &&
        (condition.field === "kind" || condition.field === "service"),
    ) && ranges.every(({ field }) => field === "at");
  const columns = "SELECT at, kind, service, 1 AS n FROM records WHERE ";
  if (!rolls) return join(columns, allSql(filter));
  const where = allSql(others);
  const span = (start: number, end: number): Sql => ({
    text: " AND at >= ? AND at < ?",
    values: [start, end],
  });
  /** The largest unit takes what it can; the edges are for the smaller ones. */
  const cover = (start: number, end: number, [unit, ...smaller]: readonly Unit[]): Sql[] => {
    if (start >= end) return [];
    if (!unit) return [join(columns, where, span(start, end))];
    const first = Math.ceil(start / unit.ms) * unit.ms;
    const last = Math.floor(end / unit.ms) * unit.ms;
    if (first >= last) return cover(start, end, smaller);
    return [
      ...cover(start, first, smaller),
      join(`SELECT at, kind, service, n FROM ${unit.table} WHERE `, where, span(first, last)),
      ...cover(last, end, smaller),
    ];
  };
  const from = Math.max(
    ...ranges.flatMap(({ gte, gt }) => [gte ?? -farMs, gt === undefined ? -farMs : Math.floor(gt) + 1]),
    -farMs,
  );
  const to = Math.min(
    ...ranges.flatMap(({ lte, lt }) => [lt ?? farMs, lte === undefined ? farMs : Math.floor(lte) + 1]),
    farMs,
  );
  const parts = cover(
    from,
    to,
    rollUps.filter(({ ms }) => intervalMs % ms === 0),
  );
  return parts.length === 0 ? join(columns, "0") : join(...between(parts, " UNION ALL "));
}

/** Beyond every date that a clock can show; a whole day. */
const farMs = 8.64e15;

/** To the interval below, before 1970 too, where `%` is negative. */
const floorTo = (column: string): string => `(${column} - ((${column} % ?) + ?) % ?)`;
