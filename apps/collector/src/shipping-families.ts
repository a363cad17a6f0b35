import type { ShippingView } from "@locum/contracts/client";
import type { MetricFamily, MetricUnit } from "@locum/runtime";

const states = ["off", "reachable", "unreachable", "refusing"] as const;

/** How the copy in Elasticsearch stands, as `GET /v1/audit/shipping` says it. */
export function shippingFamilies(view: ShippingView): MetricFamily[] {
  const state = states.map((of) => ({ labels: { state: of }, value: Number(view.elasticsearch === of) }));
  return [
    { ...gauge("elasticsearch", "1 for the state of the server", 0), points: state },
    gauge("appended", "records of the log", view.appended),
    gauge("acked", "of them, those that Elasticsearch has", view.acked),
    gauge("quarantined", "of them, those in its failure store", view.quarantined),
    gauge("rejected", "of them, those that are kept as dead letters", view.rejected),
    gauge("pending", "of them, those still to be sent", view.pending),
    gauge("differing", "documents that are not the record that the log has", view.differing),
    gauge("oldest_pending", "age of the oldest that is still to be sent", view.oldestPendingMs ?? 0, "ms"),
    // 0 where they were never compared: a series that is not there raises no alert.
    gauge(
      "reconciled.timestamp",
      "when log and copy were last compared",
      (view.reconciled?.atMs ?? 0) / 1000,
      "s",
    ),
    { ...gauge("retries", "requests sent again", view.retries), kind: "counter" },
  ];
}

const gauge = (name: string, help: string, value: number, unit: MetricUnit = "1"): MetricFamily => ({
  name: `locum.audit.${name}`,
  kind: "gauge",
  help,
  unit,
  points: [{ labels: {}, value }],
});
