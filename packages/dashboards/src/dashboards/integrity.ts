import { kinds, valuesOf } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { count, groups, metric, note, overTime, table, total } from "../sources.ts";

const doubts = kinds("witness.refuse", "audit.differ", "audit.reject", "audit.reconcile");

export const integrity: Dashboard = {
  id: "integrity",
  title: "Integrity",
  about: "Whether the log is whole, whether its copy is the log, and who would not vouch for it.",
  missing:
    "The age of the newest checkpoint and the heads that witnesses signed are in the collector's data folder only.",
  panels: [
    {
      id: "refusals",
      title: "Witnesses that refused",
      about: "A sidecar that signed an older head found that the new one does not continue it.",
      width: 3,
      source: count(kinds("witness.refuse")),
    },
    {
      id: "differing",
      title: "Copies that differ",
      about: "A document in Elasticsearch that is not the record that the log has.",
      width: 3,
      source: total("measures.count", kinds("audit.differ")),
    },
    {
      id: "rejected",
      title: "Dead letters",
      about: "Records that no mapping accepted: they are kept and can be sent again.",
      width: 3,
      source: total("measures.count", kinds("audit.reject")),
    },
    {
      id: "gaps",
      title: "Missing from the copy",
      about: "Records that a comparison of log and copy found missing, and sent again.",
      width: 3,
      source: total("measures.count", kinds("audit.reconcile")),
    },
    {
      id: "open",
      title: "The log takes events",
      about: "1 while it does. While it does not, nothing that needs a record happens.",
      width: 6,
      source: metric("min by (instance) (locum_audit_open)", "{{instance}}"),
    },
    {
      id: "tampered",
      title: "Documents that differ now",
      width: 6,
      source: metric("max by (instance) (locum_audit_differing)", "{{instance}}"),
    },
    {
      id: "witnesses",
      title: "Witnesses",
      about: "Sidecars that cosign the log's newest checkpoint, of those that are there to do it.",
      width: 6,
      source: metric(
        '{__name__=~"locum_witness_(connected|cosigned|doubting|refusing)"}',
        "{{__name__}} {{instance}}",
      ),
    },
    {
      id: "since",
      title: "Since log and copy were compared",
      width: 6,
      source: metric(
        "time() - max by (instance) (locum_audit_reconciled_timestamp_seconds > 0)",
        "{{instance}}",
        "s",
      ),
    },
    {
      id: "over-time",
      title: "Findings over time",
      width: 12,
      source: overTime("kind", doubts),
    },
    {
      id: "counted",
      title: "Events that were only counted",
      about: "Under pressure, those that say nothing alone are told by their exact number.",
      width: 6,
      source: total("measures.count", kinds("audit.count")),
    },
    {
      id: "counted-why",
      title: "Why they were",
      about: "Sampled as configured, or refused: their writer was told.",
      width: 6,
      source: groups(valuesOf("facts.why", ["sampled", "refused"]), kinds("audit.count")),
    },
    {
      id: "findings",
      title: "Findings",
      width: 12,
      source: table(["at", "seq", "kind", "measures.count", "actor", "reason"], doubts),
    },
    {
      id: "proof",
      title: "The proof",
      width: 12,
      source: note(
        "A dashboard shows what was noticed; it proves nothing. `locum audit verify` does: it finds altered, missing and inserted records in the log, in its copy and in a bundle, with the checkpoints that the collector signed.",
      ),
    },
  ],
};
