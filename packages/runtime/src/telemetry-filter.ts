import { assert } from "@locum/contracts";

/**
 * What decides which telemetry may leave the pod: deny by default, a name or value that no schema knows is dropped.
 * packages/privacy makes it; here only its shape is known. The mark is there so that nobody passes a permissive object
 * by accident: an exporter cannot be built without it.
 */
export type TelemetryFilter = {
  readonly mark: "locum/telemetry-filter/v1";
  /** The description and unit that leave with the metric, or undefined where it may not leave. */
  admitMetric(name: string): { description: string; unit: string } | undefined;
  admitAttribute(metric: string, key: string, value: unknown): boolean;
  admitResource(key: string, value: unknown): boolean;
};

/** The type says it already; JavaScript callers and casts are told here. */
export function assertFilter(filter: unknown): asserts filter is TelemetryFilter {
  const made = (filter ?? {}) as Partial<TelemetryFilter>;
  assert(
    made.mark === "locum/telemetry-filter/v1" &&
      typeof made.admitMetric === "function" &&
      typeof made.admitAttribute === "function" &&
      typeof made.admitResource === "function",
    "no exporter without a telemetry filter",
  );
}
