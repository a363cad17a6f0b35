import { type Attributes, logs, metrics as metricsApi } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";
import type { Metrics } from "./metrics.ts";
import { metricProducer } from "./otel-metrics.ts";
import { createOtlpExporter, type ExportStats } from "./otlp-exporter.ts";
import type { TelemetryFilter } from "./telemetry-filter.ts";

const exportTimeoutMs = 10_000;

/**
 * Starts the SDK with one reader behind the filter and everything else off: traces, logs, detectors, propagators and
 * instrumentations would each be a way out that no schema names, and OTEL_* variables may not open one.
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
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resourceFromAttributes(attributes),
    metricReaders: [reader],
    spanProcessors: [],
    logRecordProcessors: [],
    instrumentations: [],
    textMapPropagator: null,
    // null turns it off; the declared type only knows the other cases.
    contextManager: null as unknown as NonNullable<
      ConstructorParameters<typeof NodeSDK>[0]
    >["contextManager"] &
      object,
  });
  sdk.start();
  // The SDK registers itself for the whole process: libraries that find it there could send what no schema names.
  metricsApi.disable();
  logs.disable();
  return {
    flush: () => reader.forceFlush().catch(() => {}),
    stats: () => ({ ...stats }),
    close: () => sdk.shutdown().catch(() => {}),
  };
}
