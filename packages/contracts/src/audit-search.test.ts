import { expect, test } from "vitest";
import { auditClassOf } from "./audit-class.ts";
import { AuditKind } from "./audit-event.ts";
import { AuditSearch } from "./audit-search.ts";

const term = { op: "term", field: "kind", value: "x" };
const not = (condition: unknown) => ({ op: "not", condition });

test.each<[unknown, boolean]>([
  [{}, true],
  [{ filter: [term, { op: "exists", field: "facts.a.b" }] }, true],
  [{ filter: [not(not(term))] }, true],
  [{ filter: [not(not(not(term)))] }, false],
  [{ filter: [{ op: "exists", field: 'facts.a"b' }] }, false],
  [{ filter: [{ op: "exists", field: "payload" }] }, false],
  [{ filter: [{ op: "range", field: "facts.n", gte: 1 }] }, false],
  [{ filter: Array.from({ length: 21 }, () => term) }, false],
  [{ sort: [{ field: "incident" }] }, false],
  [{ limit: 1001 }, false],
  [{ aggregations: { a: { op: "histogram", intervalMs: 1000 } } }, false],
  [{ unknown: 1 }, false],
  [{ filter: [{ op: "prefix", field: "epoch", value: "1" }] }, false],
  [{ filter: [{ op: "exists", field: "facts.a..b" }] }, false],
  [{ filter: [{ op: "exists", field: `facts.${"a".repeat(65)}` }] }, false],
  [{ aggregations: { a: { op: "filters", filters: {} } } }, false],
  [{ after: [7] }, true],
  [{ after: [7, 8] }, false],
  [{ after: ["7"] }, false],
  [{ sort: [{ field: "kind" }], after: ["x", 7] }, true],
])("%j: %s", (value, isRight) => {
  expect(AuditSearch.safeParse(value).success).toBe(isRight);
});

test("every intent is strict, and so is what a person orders", () => {
  for (const kind of AuditKind.options)
    if (kind.endsWith(".intent")) expect(auditClassOf(kind)).toBe("strict");
  expect(auditClassOf("operator.order")).toBe("strict");
  expect(auditClassOf("verdict.change")).toBe("durable");
});
