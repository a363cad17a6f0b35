import { AuditKind } from "@locum/contracts";
import { expect, test } from "vitest";
import { ecsVersion, kindEcs, outcomeOf } from "./kind-ecs.ts";
import ecs from "./testing/ecs-9.4.0.json" with { type: "json" };

test.each(AuditKind.options)("%s has a category of ECS and types that go with it", (kind) => {
  const row = kindEcs[kind];
  expect(ecs.kinds).toContain(row.kind);
  const expected = (ecs.categories as Record<string, string[]>)[row.category] ?? [];
  expect(row.type.filter((type) => !expected.includes(type))).toEqual([]);
  expect(row.type.length).toBeGreaterThan(0);
});

test("the version is that of the fields", () => expect(ecsVersion).toBe(ecs.version));

test.each([
  ["restore.result", { outcome: "done" }, "success"],
  ["restore.result", { outcome: "refused" }, "failure"],
  ["restore.result", {}, "unknown"],
  ["restore.result", { outcome: "constructor" }, "unknown"],
  ["promote.abort", {}, "failure"],
  ["verdict.change", {}, undefined],
] as const)("%s %j ends in %s", (kind, facts, outcome) => {
  expect(outcomeOf(kind, facts)).toBe(outcome);
  expect(outcome === undefined || ecs.outcomes.includes(outcome)).toBe(true);
});
