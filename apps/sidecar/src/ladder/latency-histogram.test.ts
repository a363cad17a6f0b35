import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLatencyHistogram } from "./latency-histogram.ts";

describe("latencies in bounded memory", () => {
  it("knows nothing before the first one", () => {
    expect(createLatencyHistogram().quantile(0.99)).toBe(0);
  });

  it("bounds every quantile from above, at most 10 % too high", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.1, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 500 }),
        fc.constantFrom(0.5, 0.9, 0.99, 1),
        (values, part) => {
          const histogram = createLatencyHistogram();
          for (const value of values) histogram.observe(value);
          const sorted = [...values].sort((a, b) => a - b);
          const exact = sorted[Math.max(0, Math.ceil(part * sorted.length - 1e-9) - 1)] ?? 0;
          const bound = histogram.quantile(part);
          expect(bound).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
          expect(bound).toBeLessThanOrEqual(exact * 1.1 * (1 + 1e-9));
        },
      ),
    );
  });

  it("forgets how fast a server was", () => {
    const histogram = createLatencyHistogram({ halfLife: 100 });
    for (let i = 0; i < 10_000; i += 1) histogram.observe(1);
    for (let i = 0; i < 300; i += 1) histogram.observe(500);
    expect(histogram.quantile(0.5)).toBeGreaterThan(400);
  });

  it("takes no nonsense", () => {
    const histogram = createLatencyHistogram();
    for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY]) histogram.observe(value);
    expect(Number.isFinite(histogram.quantile(0.99))).toBe(true);
  });

  it("does not take one cold start for the tail of a young history", () => {
    const histogram = createLatencyHistogram();
    histogram.observe(900);
    for (let i = 0; i < 40; i += 1) histogram.observe(2);
    expect(histogram.tail()).toBeLessThan(3);
  });
});
