import type { HrTime } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import type { MetricData, MetricProducer } from "@opentelemetry/sdk-metrics";
import type { MetricFamily, MetricKind, Metrics } from "./metrics.ts";

/** Gives what was counted to the OpenTelemetry SDK at each collection, cumulative since this was made. */
export function metricProducer(
  metrics: Pick<Metrics, "families">,
  { clock }: { clock: { wallMs(): number } },
): MetricProducer {
  const startTime = hrTime(clock.wallMs());
  return {
    async collect() {
      const endTime = hrTime(clock.wallMs());
      const counted = metrics
        .families()
        .filter(({ points }) => points.length > 0)
        .map((family) => metricData(family, startTime, endTime));
      return {
        // The reader puts the SDK's own resource in place of this one.
        resourceMetrics: {
          resource: emptyResource(),
          scopeMetrics: [{ scope: { name: "locum" }, metrics: counted }],
        },
        errors: [],
      };
    },
  };
}

function metricData({ name, kind, help, unit, points }: MetricFamily, startTime: HrTime, endTime: HrTime) {
  const data = {
    descriptor: { name, description: help, unit, valueType: valueTypeDouble },
    aggregationTemporality: cumulative,
    dataPointType: pointTypes[kind],
    ...(kind === "counter" ? { isMonotonic: true } : {}),
    dataPoints: points.map(({ labels, value }) => ({
      startTime,
      endTime,
      attributes: labels,
      value:
        typeof value === "number"
          ? value
          : {
              buckets: { boundaries: [...value.bounds], counts: value.counts },
              sum: value.sum,
              count: value.count,
            },
    })),
  };
  return data as unknown as MetricData;
}

// The SDK declares these numbers as enums, which type stripping cannot import as types alone.
const valueTypeDouble = 1;
const cumulative = 1;
const pointTypes: Record<MetricKind, number> = { histogram: 0, gauge: 2, counter: 3 };

function hrTime(ms: number): HrTime {
  const seconds = Math.trunc(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
