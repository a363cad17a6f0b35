import { auditMeasures } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { dashboards } from "./dashboards.ts";
import { fieldsOf } from "./write/fields-of.ts";

test("there are eight, each under a name of its own", () => {
  expect(dashboards.map(({ id }) => id)).toEqual([
    "fleet",
    "recovery",
    "explorer",
    "integrity",
    "robustness",
    "fairness",
    "compliance",
    "pipeline",
  ]);
});

describe.each(dashboards.map((dashboard) => [dashboard.id, dashboard] as const))("%s", (_id, { panels }) => {
  test("has panels with ids of their own that fit an object's id", () => {
    const ids = panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z][a-z-]{1,30}$/);
    expect(ids).not.toContain("about");
    expect(ids).not.toContain("missing");
  });

  test("fills its rows", () => {
    let column = 0;
    for (const { id, width } of panels) {
      column += width;
      expect(column, `the row that ends with ${id}`).toBeLessThanOrEqual(12);
      column %= 12;
    }
    expect(column).toBe(0);
  });

  test("counts facts by name and value only, and asks numbers as measures", () => {
    for (const { id, source } of panels) {
      if (source.kind === "bars") expect(source.by.startsWith("facts."), id).toBe(false);
      for (const field of fieldsOf(source)) {
        expect(auditMeasures.map((name) => `facts.${name}`)).not.toContain(field);
        // Plain names need no escape in any language.
        expect(field).toMatch(/^[A-Za-z.]+$/);
      }
    }
  });
});
