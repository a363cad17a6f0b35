import type { Attributes } from "@opentelemetry/api";
import type {
  DataPoint,
  Histogram,
  MetricData,
  ResourceMetrics,
  ScopeMetrics,
} from "@opentelemetry/sdk-metrics";
import type { TelemetryFilter } from "./telemetry-filter.ts";

export type Dropped = { metrics: number; attributes: number };

/**
 * The copy of a whole OTLP batch that may leave: every part is built anew from what the filter admits, so that a part
 * which nobody thought of (scope attributes, schema URLs, exemplars) cannot ride along. Points that differ only in a
 * dropped attribute are added up, for a receiver rejects two points of one identity.
 */
export function filterMetrics(
  batch: ResourceMetrics,
  filter: TelemetryFilter,
): { admitted: ResourceMetrics; dropped: Dropped } {
  const dropped: Dropped = { metrics: 0, attributes: 0 };
  const metrics = batch.scopeMetrics
    .flatMap((scope: ScopeMetrics) => scope.metrics)
    .flatMap((metric) => filterMetric(metric, filter, dropped));
  const attributes = pick(batch.resource.attributes, dropped, (key, value) =>
    filter.admitResource(key, value),
  );
  return {
    admitted: {
      resource: plainResource(attributes),
      scopeMetrics: metrics.length > 0 ? [{ scope: { name: "locum" }, metrics }] : [],
    },
    dropped,
  };
}

function filterMetric(metric: MetricData, filter: TelemetryFilter, dropped: Dropped): MetricData[] {
  const { name, valueType } = metric.descriptor;
  const known = filter.admitMetric(name);
  if (!known) {
    dropped.metrics += 1;
    return [];
  }
  const merged = new Map<string, DataPoint<unknown>>();
  for (const point of metric.dataPoints as DataPoint<unknown>[]) {
    const attributes = pick(point.attributes, dropped, (key, value) =>
      filter.admitAttribute(name, key, value),
    );
    const key = JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
    const { startTime, endTime } = point;
    const value = isCounting(metric) ? add(merged.get(key)?.value, point.value) : copyValue(point.value);
    merged.set(key, { startTime, endTime, attributes, value });
  }
  const descriptor = { name, valueType, description: known.description, unit: known.unit };
  const { dataPointType, aggregationTemporality } = metric;
  const kept = {
    descriptor,
    dataPointType,
    aggregationTemporality,
    ...("isMonotonic" in metric ? { isMonotonic: metric.isMonotonic } : {}),
    dataPoints: [...merged.values()],
  };
  return [kept as MetricData];
}

/** A sum or a histogram; of a gauge the last value stands. */
const isCounting = (metric: MetricData): boolean => metric.dataPointType !== 2;

function add(sum: unknown, value: unknown): unknown {
  if (sum === undefined) return copyValue(value);
  if (typeof sum === "number" && typeof value === "number") return sum + value;
  const [a, b] = [sum as Histogram, value as Histogram];
  return {
    buckets: {
      boundaries: a.buckets.boundaries,
      counts: a.buckets.counts.map((count, index) => count + (b.buckets.counts[index] ?? 0)),
    },
    sum: (a.sum ?? 0) + (b.sum ?? 0),
    count: a.count + b.count,
  };
}

/** Only numbers and histograms of explicit buckets leave; min and max do not: they are single observations. */
function copyValue(value: unknown): unknown {
  if (typeof value === "number") return value;
  const { buckets, sum, count } = value as Histogram;
  return {
    buckets: { boundaries: [...buckets.boundaries], counts: [...buckets.counts] },
    ...(sum === undefined ? {} : { sum }),
    count,
  };
}

function pick(
  attributes: Attributes,
  dropped: Dropped,
  admits: (key: string, value: unknown) => boolean,
): Attributes {
  const kept: Attributes = {};
  for (const [key, value] of Object.entries(attributes)) {
    if (admits(key, value)) kept[key] = value;
    else dropped.attributes += 1;
  }
  return kept;
}

function plainResource(attributes: Attributes): ResourceMetrics["resource"] {
  const resource: ResourceMetrics["resource"] = {
    attributes,
    merge: () => resource,
    getRawAttributes: () => Object.entries(attributes),
  };
  return resource;
}
