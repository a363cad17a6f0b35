import type { AuditAnswer } from "@locum/contracts";
import { type AuditSource, dashboards, isAuditSource, panelSearch } from "@locum/dashboards";
import { afterAll, describe, expect, test } from "vitest";
import { firstMs, fixtureEvents, fixtureProjection, hourMs } from "./fixture-log.ts";

const projection = fixtureProjection();
afterAll(() => projection.close());

const view = { fromMs: firstMs, toMs: firstMs + 100 * hourMs, intervalMs: hourMs };
const asked = dashboards.flatMap(({ id, panels }) =>
  panels.flatMap(({ id: panel, source }) =>
    isAuditSource(source) ? [[`${id}/${panel}`, source] as const] : [],
  ),
);

/** How many records, or values, the answer is made of. */
function weight(source: AuditSource, { records, aggregations: { panel } }: AuditAnswer): number {
  if (source.kind === "table") return records.length;
  if (!panel) return 0;
  if ("buckets" in panel) return panel.buckets.reduce((sum, { count }) => sum + count, 0);
  return "sum" in panel ? panel.count : panel.value;
}

test.each(asked)("%s answers, in the embedded store", (_name, source) => {
  expect(weight(source, projection.search(panelSearch(source, view)))).toBeGreaterThan(0);
});

test.each(asked)("%s is silent of a time without records", (_name, source) => {
  const before = { ...view, fromMs: firstMs - 2 * hourMs, toMs: firstMs - hourMs };
  expect(weight(source, projection.search(panelSearch(source, before)))).toBe(0);
});

describe("a count", () => {
  test("is of all records that match", () => {
    const source = { kind: "count", filter: [] } as const;
    expect(weight(source, projection.search(panelSearch(source, view)))).toBe(fixtureEvents.length);
  });
  test("is of those of every condition", () => {
    const source = {
      kind: "count",
      filter: [
        { op: "term", field: "kind", value: "incident.open" },
        { op: "term", field: "service", value: "xray" },
      ],
    } as const;
    expect(weight(source, projection.search(panelSearch(source, view)))).toBe(1);
  });
});

test("a table is the newest first", () => {
  const source = { kind: "table", filter: [], columns: ["at", "kind"] } as const;
  const { records } = projection.search(panelSearch(source, view, { rows: 3 }));
  expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3].map((back) => fixtureEvents.length - back));
});
