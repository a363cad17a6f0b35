import { type AuditCondition, AuditSearch } from "@locum/contracts";
import type { AuditSource } from "./model.ts";

/** The time that a viewer looks at, and how wide a bar of a histogram is in it. */
export type View = { fromMs: number; toMs: number; intervalMs: number };

/** The question of a panel. Its answer is the aggregation `panel`, or `records` for a table. */
export function panelSearch(
  source: AuditSource,
  { fromMs, toMs, intervalMs }: View,
  { rows = 50 }: { rows?: number } = {},
): AuditSearch {
  const filter = [...source.filter, { op: "range", field: "at", gte: fromMs, lt: toMs } as const];
  switch (source.kind) {
    case "count":
      return AuditSearch.parse({
        filter,
        limit: 0,
        aggregations: { panel: { op: "filters", filters: { all: source.filter[0] ?? any } } },
      });
    case "bars":
      return AuditSearch.parse({
        filter,
        limit: 0,
        aggregations: { panel: { op: "terms", field: source.by, size: source.size } },
      });
    case "groups":
      return AuditSearch.parse({
        filter,
        limit: 0,
        aggregations: { panel: { op: "filters", filters: source.groups } },
      });
    case "histogram": {
      const split = source.by ? { by: source.by } : {};
      return AuditSearch.parse({
        filter,
        limit: 0,
        aggregations: { panel: { op: "histogram", intervalMs, ...split } },
      });
    }
    case "stats":
      return AuditSearch.parse({
        filter,
        limit: 0,
        aggregations: { panel: { op: "stats", field: source.of } },
      });
    case "table":
      return AuditSearch.parse({
        filter,
        limit: rows,
        sort: [
          { field: "at", order: "desc" },
          { field: "seq", order: "desc" },
        ],
      });
  }
}

/** Holds of every record. */
const any: AuditCondition = { op: "exists", field: "seq" };
