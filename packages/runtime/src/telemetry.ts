import type { Metrics } from "./metrics.ts";
import type { ExportStats } from "./otlp-exporter.ts";
import { assertFilter, type TelemetryFilter } from "./telemetry-filter.ts";

export type Telemetry = {
  /** False where no URL was given: then nothing of OpenTelemetry is loaded. */
  exporting: boolean;
  /** Exports now. A failing receiver is counted, never thrown. */
  flush(): Promise<void>;
  stats(): ExportStats;
  close(): Promise<void>;
};

/**
 * Sends metrics by OTLP/HTTP every `exportMs`, through the filter and no other way. Without `otlpUrl` nothing is
 * exported; the metrics count all the same and /metrics shows them.
 */
export async function createTelemetry({
  service,
  instance,
  version,
  metrics,
  filter,
  otlpUrl,
  exportMs = 15_000,
  clock = { wallMs: () => Date.now() },
}: {
  service: string;
  instance: string;
  version?: string;
  metrics: Pick<Metrics, "families">;
  filter: TelemetryFilter;
  otlpUrl?: string | undefined;
  exportMs?: number;
  clock?: { wallMs(): number };
}): Promise<Telemetry> {
  assertFilter(filter);
  if (otlpUrl === undefined) return silent;
  // Loaded only where it is used: the SDK is a large part of the sidecar's memory.
  const { startOtel } = await import("./otel-sdk.ts");
  const { flush, stats, close } = startOtel({
    attributes: {
      "service.name": service,
      "service.instance.id": instance,
      ...(version === undefined ? {} : { "service.version": version }),
    },
    metrics,
    filter,
    otlpUrl,
    exportMs,
    clock,
  });
  return { exporting: true, flush, stats, close };
}

const silent: Telemetry = {
  exporting: false,
  flush: async () => {},
  stats: () => ({ exports: 0, failures: 0, unjudged: 0, droppedMetrics: 0, droppedAttributes: 0 }),
  close: async () => {},
};
