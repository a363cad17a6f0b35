import type { Attributes } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import type { Metrics } from "./metrics.ts";
import { metricProducer } from "./otel-metrics.ts";
import { createOtlpExporter, type ExportStats } from "./otlp-exporter.ts";
import type { TelemetryFilter } from "./telemetry-filter.ts";

const exportTimeoutMs = 10_000;

/**
 * Starts one reader behind the filter, and nothing else of the SDK: traces, logs, detectors, propagators and
 * instrumentations would each be a way out that no schema names, OTEL_* variables may not open one, and nothing is
 * registered for the whole process, where libraries would find it. The SDK's own package for Node (sdk-node) reads
 * every exporter there is at its import, gRPC among them: ten MB of a sidecar's memory for what is then turned off.
 */
export function startOtel({
  attributes,
  metrics,
  filter,
  otlpUrl,
  exportMs,
  clock,
}: {
  attributes: Attributes;
  metrics: Pick<Metrics, "families">;
  filter: TelemetryFilter;
  otlpUrl: string;
  exportMs: number;
  clock: { wallMs(): number };
}): { flush(): Promise<void>; stats(): ExportStats; close(): Promise<void> } {
  const timeoutMs = Math.min(exportMs, exportTimeoutMs);
  const { exporter, stats } = createOtlpExporter({ url: otlpUrl, filter, timeoutMs });
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: exportMs,
    exportTimeoutMillis: timeoutMs,
    metricProducers: [metricProducer(metrics, { clock })],
  });
  const provider = new MeterProvider({ resource: resourceFromAttributes(attributes), readers: [reader] });
  return {
    flush: () => reader.forceFlush().catch(() => {}),
    stats: () => ({ ...stats }),
    close: () => provider.shutdown().catch(() => {}),
  };
}
