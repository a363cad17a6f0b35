import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFilter } from "./create-filter.ts";
import { telemetrySchema } from "./telemetry-schema.ts";

const filter = createFilter();
const names = Object.keys(telemetrySchema.metrics);

describe("the filter", () => {
  it("lets every metric out that the schema names, with the schema's own words", () => {
    expect(names.length).toBeGreaterThan(10);
    for (const name of names)
      expect(filter.admitMetric(name)?.description).toBe(telemetrySchema.metrics[name]?.description);
  });

  it("lets no other metric out, nor one that JavaScript objects have by birth", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString")), (name) => {
        fc.pre(!names.includes(name));
        expect(filter.admitMetric(name)).toBeUndefined();
        expect(filter.admitAttribute(name, "outcome", "ok")).toBe(false);
      }),
    );
  });

  it("lets no value out that its rule does not list, whatever it is", () => {
    const keys = fc.constantFrom(
      "outcome",
      "rule",
      "kind",
      "verdict",
      "resent",
      "user",
      "prompt",
      "__proto__",
    );
    fc.assert(
      fc.property(fc.constantFrom(...names), keys, fc.anything(), (name, key, value) => {
        const rule = Object.entries(telemetrySchema.metrics[name]?.attributes ?? {}).find(
          ([known]) => known === key,
        )?.[1];
        const listed = rule?.kind === "one-of" && rule.values.includes(value as string);
        const flag = rule?.kind === "boolean" && ["true", "false"].includes(String(value));
        if (filter.admitAttribute(name, key, value)) expect(listed || flag).toBe(true);
      }),
    );
  });

  it("lets a name of the operator's out and nothing that looks like a sentence or an address", () => {
    expect(filter.admitResource("service.name", "chest-xray")).toBe(true);
    expect(filter.admitResource("service.name", "jane@example.org")).toBe(false);
    expect(filter.admitResource("service.name", "x".repeat(64))).toBe(false);
    expect(filter.admitResource("host.name", "node-1")).toBe(false);
  });
});
