import { expect, test } from "vitest";
import { dashboards } from "../dashboards.ts";
import { currentFigures, type Sample } from "./current-figures.ts";

const samples: Sample[] = [
  { name: "locum_instance_fit", labels: { service: "s", instance: "a" }, value: 1 },
  { name: "locum_instance_fit", labels: { service: "s", instance: "b" }, value: 1 },
  { name: "locum_instance_fit", labels: { service: "t", instance: "a" }, value: 0 },
  { name: "locum_instance_fit", labels: {}, value: 9 },
  { name: "locum_audit_pending", labels: {}, value: 4 },
  { name: "locum_audit_acked", labels: {}, value: 6 },
  { name: "locum_audit_events_total", labels: { kind: "divert.start" }, value: 3 },
];

test.each([
  [
    'sum by (service) (locum_instance_fit{service!=""})',
    [
      ["s", 2],
      ["t", 0],
    ],
    false,
  ],
  ['max by (service) (locum_instance_fit{service="s"})', [["s", 1]], false],
  ["max by (instance) (locum_audit_pending)", [["this collector", 4]], false],
  ["locum_audit_pending", [["this collector", 4]], false],
  ["locum_audit_pending + locum_audit_acked", [["this collector", 10]], false],
  [
    '{__name__=~"locum_audit_(acked|rejected|pending)"}',
    [
      ["acked", 6],
      ["pending", 4],
    ],
    false,
  ],
  ["sum by (kind) (rate(locum_audit_events_total[$__rate_interval]))", [["divert.start", 3]], true],
  ["sum(locum_nothing)", [], false],
] as const)("%s is known without a history", (promql, figures, isTotal) => {
  expect(currentFigures(promql, samples)).toEqual({
    figures: figures.map(([name, value]) => ({ name, value })),
    isTotal,
  });
});

test.each([
  "time() - max by (instance) (locum_audit_reconciled_timestamp_seconds > 0)",
  "histogram_quantile(0.99, sum by (le) (rate(locum_tap_milliseconds_bucket[5m])))",
  'locum_instance_fit{service=~".*"}',
  "locum_a / locum_b",
  "",
])("%s is left to Prometheus", (promql) => {
  expect(currentFigures(promql, samples)).toBeUndefined();
});

test("most figures of the dashboards are known without Prometheus", () => {
  const asked = dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ source }) => (source.kind === "metric" ? [source.promql] : [])),
  );
  const left = asked.filter((promql) => currentFigures(promql, samples) === undefined);
  expect(asked.length).toBeGreaterThan(5);
  expect(left.length).toBeLessThanOrEqual(asked.length / 4);
});
