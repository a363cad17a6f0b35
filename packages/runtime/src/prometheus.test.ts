import fc from "fast-check";
import { expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";
import { renderPrometheus } from "./prometheus.ts";

test("counters, gauges and histograms in the text format", () => {
  const metrics = createMetrics();
  metrics.counter("locum.tap.requests", { help: "Requests." }).add(2, { outcome: "ok" });
  metrics.gauge("locum.instance.inflight", { help: "In flight." }).set(3);
  const latency = metrics.histogram("locum.tap.latency", { help: "Added.", unit: "ms", bounds: [1, 10] });
  for (const value of [0.5, 1, 7, 50]) latency.observe(value);
  expect(renderPrometheus(metrics.families())).toBe(`# HELP locum_tap_requests_total Requests.
# TYPE locum_tap_requests_total counter
locum_tap_requests_total{outcome="ok"} 2
# HELP locum_instance_inflight In flight.
# TYPE locum_instance_inflight gauge
locum_instance_inflight 3
# HELP locum_tap_latency_milliseconds Added.
# TYPE locum_tap_latency_milliseconds histogram
locum_tap_latency_milliseconds_bucket{le="1"} 2
locum_tap_latency_milliseconds_bucket{le="10"} 3
locum_tap_latency_milliseconds_bucket{le="+Inf"} 4
locum_tap_latency_milliseconds_sum 58.5
locum_tap_latency_milliseconds_count 4
`);
});

test("any label value stays inside its quotes and comes back whole", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (value) => {
      const metrics = createMetrics();
      metrics.counter("locum.x", { help: "a\\b\nc" }).add(1, { model: value });
      const lines = renderPrometheus(metrics.families()).trimEnd().split("\n");
      expect(lines).toHaveLength(3);
      const quoted = /^locum_x_total\{model="((?:[^"\\\n]|\\.)*)"\} 1$/s.exec(lines[2] ?? "")?.[1];
      expect(quoted?.replace(/\\(.)/gs, (_, char) => (char === "n" ? "\n" : char))).toBe(value);
    }),
  );
});

test("one label set is one series in any order; too many become one overflow series", () => {
  const metrics = createMetrics({ seriesMax: 3 });
  const counter = metrics.counter("locum.x", { help: "" });
  counter.add(1, { a: "1", b: "2" });
  counter.add(1, { b: "2", a: "1" });
  for (let index = 0; index < 100; index += 1) counter.add(1, { path: `/${index}` });
  const [family] = metrics.families();
  expect(family?.points.length).toBe(4);
  expect(family?.points[0]?.value).toBe(2);
  expect(family?.points.find(({ labels }) => labels.overflow)?.value).toBe(98);
});

test("nonsense does not spoil a sum, and a name keeps its kind", () => {
  const metrics = createMetrics();
  const counter = metrics.counter("locum.x", { help: "" });
  for (const value of [1, Number.NaN, -5, Number.POSITIVE_INFINITY]) counter.add(value);
  expect(metrics.families()[0]?.points[0]?.value).toBe(1);
  expect(() => metrics.gauge("locum.x", { help: "" })).toThrow(/broken invariant/);
  expect(() => metrics.gauge("Locum X", { help: "" })).toThrow(/broken invariant/);
});
