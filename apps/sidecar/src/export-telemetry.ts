import {
  createTelemetry,
  type Log,
  type MetricFamily,
  type Telemetry,
  type TelemetryFilter,
} from "@locum/runtime";
import type { SidecarConfig } from "./config.ts";

/**
 * Sends the metrics out behind the privacy filter, where the service file names a place; else nothing of it is loaded.
 * Without a filter nothing leaves: an exporter cannot be built without one.
 */
export async function exportTelemetry({
  config: { service, instance },
  families,
  filter,
  log,
}: {
  config: SidecarConfig;
  families: () => MetricFamily[];
  filter: TelemetryFilter | null;
  log: Log;
}): Promise<Pick<Telemetry, "close">> {
  const { otlpUrl, exportMs } = service.privacy;
  if (otlpUrl === undefined) return { close: async () => {} };
  if (filter === null) {
    log("warn", "no filter is built in: no telemetry leaves", { url: otlpUrl });
    return { close: async () => {} };
  }
  return createTelemetry({
    service: service.service,
    instance: instance.id,
    metrics: { families },
    filter,
    otlpUrl,
    exportMs,
  });
}
