import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import type { PushMetricExporter, ResourceMetrics } from "@opentelemetry/sdk-metrics";
import { filterMetrics } from "./filter-metrics.ts";
import { assertFilter, type TelemetryFilter } from "./telemetry-filter.ts";

export type ExportStats = {
  exports: number;
  failures: number;
  /** Batches that the filter could not judge; they did not leave. */
  unjudged: number;
  droppedMetrics: number;
  droppedAttributes: number;
};

/**
 * The only way out for metrics: an OTLP/HTTP exporter behind the filter. This is the one file that makes an exporter
 * (a test holds that), and it makes none without the filter. Where the filter throws, the batch does not leave.
 */
export function createOtlpExporter({
  url,
  filter,
  timeoutMs,
}: {
  url: string;
  filter: TelemetryFilter;
  timeoutMs: number;
}): { exporter: PushMetricExporter; stats: ExportStats } {
  assertFilter(filter);
  const inner = new OTLPMetricExporter({ url, timeoutMillis: timeoutMs });
  const stats: ExportStats = {
    exports: 0,
    failures: 0,
    unjudged: 0,
    droppedMetrics: 0,
    droppedAttributes: 0,
  };
  const judge = (batch: ResourceMetrics): ResourceMetrics | undefined => {
    try {
      const { admitted, dropped } = filterMetrics(batch, filter);
      stats.droppedMetrics += dropped.metrics;
      stats.droppedAttributes += dropped.attributes;
      return admitted;
    } catch {
      stats.unjudged += 1;
      return undefined;
    }
  };
  const exporter: PushMetricExporter = {
    export(batch, done) {
      const admitted = judge(batch);
      if (!admitted || admitted.scopeMetrics.length === 0) return done({ code: success });
      inner.export(admitted, (result) => {
        if (result.code === success) stats.exports += 1;
        else stats.failures += 1;
        done(result);
      });
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
    selectAggregationTemporality: (kind) => inner.selectAggregationTemporality(kind),
    selectAggregation: (kind) => inner.selectAggregation(kind),
  };
  return { exporter, stats };
}

/** ExportResultCode.SUCCESS of @opentelemetry/core. */
const success = 0;
