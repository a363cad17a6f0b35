import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYaml } from "@locum/contracts/yaml";
import { describe, expect, test } from "vitest";
import { metricNames } from "./metric-names.ts";
import { readPromql } from "./read-promql.ts";

type Rule = {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
};

const folder = join(import.meta.dirname, "../../deploy/prometheus");
function read(name: string): unknown {
  const document = parseYaml(readFileSync(join(folder, name), "utf8"), { bytesMax: 100_000 });
  if ("problems" in document) throw new Error(JSON.stringify(document.problems));
  return document.value;
}
const rules = (read("locum.rules.yml") as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const cases = (
  read("locum.rules.test.yml") as {
    tests: { name: string; promql_expr_test: { exp_samples: unknown[]; expr: string }[] }[];
  }
).tests;
const metrics = await metricNames();

describe.each(rules.map((rule) => [rule.alert, rule] as const))("%s", (alert, rule) => {
  test("asks for what /metrics has", () => {
    const { errors, metrics: named } = readPromql(rule.expr);
    expect(errors).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect([...metrics.keys()]).toContain(name);
  });
  test("says how grave it is, what happened, and what to do", () => {
    expect(["critical", "warning"]).toContain(rule.labels.severity);
    expect(rule.annotations.summary).not.toBe("");
    expect(rule.annotations.description).toMatch(/\.$/);
  });
  test("is tried firing and silent", () => {
    const own = cases.filter(({ promql_expr_test: [one] }) => one?.expr.includes(`alertname="${alert}"`));
    expect(own.map(({ promql_expr_test: [one] }) => one?.exp_samples.length)).toEqual([1, 0]);
  });
});
