import { kinds } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { count, metric, overTime, table, total } from "../sources.ts";

const trouble = kinds("notify.failed", "audit.reject", "sidecar.disconnect", "mass-silence");

export const pipeline: Dashboard = {
  id: "pipeline",
  title: "Pipeline",
  about:
    "Whether evidence arrives: from the sidecars' spools into the log, and from the log into Elasticsearch.",
  panels: [
    {
      id: "pending",
      title: "Records that wait for Elasticsearch",
      width: 6,
      source: metric("max by (instance) (locum_audit_pending)", "{{instance}}"),
    },
    {
      id: "oldest",
      title: "Age of the oldest of them",
      width: 6,
      source: metric("max by (instance) (locum_audit_oldest_pending_milliseconds)", "{{instance}}", "ms"),
    },
    {
      id: "account",
      title: "Where the records are",
      about: "Appended is the sum of the others, always.",
      width: 6,
      source: metric(
        '{__name__=~"locum_audit_(appended|acked|quarantined|rejected|pending)"}',
        "{{__name__}} {{instance}}",
      ),
    },
    {
      id: "retries",
      title: "Sent again",
      width: 6,
      source: metric(
        "sum by (instance) (rate(locum_audit_retries_total[$__rate_interval]))",
        "{{instance}}",
        "per second",
      ),
    },
    {
      id: "events",
      title: "Events written",
      width: 6,
      source: metric(
        "sum by (kind) (rate(locum_audit_events_total[$__rate_interval]))",
        "{{kind}}",
        "per second",
      ),
    },
    {
      id: "waiting",
      title: "Events that wait for the disk",
      width: 6,
      source: metric("locum_audit_waiting + locum_records_waiting", "{{instance}}"),
    },
    {
      id: "spools",
      title: "Events that sidecars still hold",
      width: 6,
      source: metric("sum by (instance) (locum_instance_spool_waiting)", "{{instance}}"),
    },
    {
      id: "counted",
      title: "Events of which the number only is kept",
      width: 6,
      source: metric(
        "sum by (why) (rate(locum_audit_counted_total[$__rate_interval]))",
        "{{why}}",
        "per second",
      ),
    },
    {
      id: "lost-streams",
      title: "Streams of sidecars that ended",
      width: 4,
      source: count(kinds("sidecar.disconnect")),
    },
    {
      id: "rejected",
      title: "Dead letters",
      width: 4,
      source: total("measures.count", kinds("audit.reject")),
    },
    { id: "untold", title: "Notifications that failed", width: 4, source: count(kinds("notify.failed")) },
    { id: "over-time", title: "Trouble over time", width: 12, source: overTime("kind", trouble) },
    {
      id: "trouble",
      title: "Last trouble",
      width: 12,
      source: table(["at", "kind", "service", "instance", "actor", "reason"], trouble),
    },
  ],
};
