import { is, kinds, valuesOf } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { count, groups, metric, note, overTime, stats, table } from "../sources.ts";

const closed = kinds("incident.close");
const outcomes = valuesOf("facts.outcome", ["done", "refused", "failed"]);

export const recovery: Dashboard = {
  id: "recovery",
  title: "Recovery objectives and drills",
  about: "How long detection, divert and restore took against what was promised, and when it was last tried.",
  missing: "How old the restored copy was (RPO) is not on record yet: a restore does not say it.",
  panels: [
    { id: "recoveries", title: "Incidents closed", width: 3, source: count(closed) },
    {
      id: "missed",
      title: "Objectives missed",
      width: 3,
      source: count(closed, is("facts.objectives", "missed")),
    },
    { id: "drills", title: "Drills", width: 3, source: count(kinds("drill.result")) },
    { id: "restores", title: "Restores", width: 3, source: count(kinds("restore.result")) },
    {
      id: "detect",
      title: "Fault to detection",
      about: "Of drills only: a real fault begins unseen.",
      width: 4,
      source: stats("measures.detectMs", "ms", closed),
    },
    {
      id: "rto",
      title: "Traffic safe again (RTO)",
      about:
        "Until new requests were answered elsewhere: from the fault of a drill, from the opening of an incident.",
      width: 4,
      source: stats("measures.rtoMs", "ms", closed),
    },
    {
      id: "restore",
      title: "Instance proven right again",
      width: 4,
      source: stats("measures.restoreMs", "ms", closed),
    },
    {
      id: "promotion",
      title: "Promotion, from intent to the traffic path",
      width: 6,
      source: stats("measures.tookMs", "ms", kinds("promote.settle")),
    },
    {
      id: "restore-took",
      title: "Restore, by itself",
      width: 6,
      source: stats("measures.tookMs", "ms", kinds("restore.result")),
    },
    {
      id: "objectives",
      title: "Objectives",
      width: 4,
      source: groups(valuesOf("facts.objectives", ["met", "missed"]), closed),
    },
    {
      id: "restore-outcomes",
      title: "Restores by outcome",
      width: 4,
      source: groups(outcomes, kinds("restore.result")),
    },
    {
      id: "drill-outcomes",
      title: "Drills by outcome",
      width: 4,
      source: groups(outcomes, kinds("drill.result")),
    },
    {
      id: "over-time",
      title: "Recoveries and drills",
      width: 12,
      source: overTime("kind", kinds("incident.close", "restore.result", "drill.result")),
    },
    {
      id: "recovered",
      title: "Recoveries",
      width: 12,
      source: table(
        [
          "at",
          "service",
          "instance",
          "incident",
          "facts.failure",
          "facts.drill",
          "facts.objectives",
          "measures.detectMs",
          "measures.rtoMs",
          "measures.restoreMs",
        ],
        closed,
      ),
    },
    {
      id: "last-drills",
      title: "Last drills",
      width: 12,
      source: table(
        ["at", "service", "instance", "facts.fault", "facts.outcome", "measures.tookMs", "reason"],
        kinds("drill.result"),
      ),
    },
    {
      id: "rpo-age",
      title: "RPO age of each service",
      about:
        "Since its newest verified snapshot was captured: what a restore from the repository would lose.",
      width: 6,
      source: metric("max by (service) (locum_repository_rpo_age_milliseconds)", "{{service}}", "ms"),
    },
    {
      id: "restorable",
      title: "Restorable from the repository",
      about: "0 where no snapshot is proven, the last drill failed, or the repository is away.",
      width: 6,
      source: metric("min by (service) (locum_repository_restorable)", "{{service}}"),
    },
    {
      id: "snapshot-drills",
      title: "Last restores to nowhere",
      width: 12,
      source: table(
        ["at", "service", "facts.snapshot", "facts.outcome", "measures.tookMs", "reason"],
        kinds("snapshot.drill"),
      ),
    },
    {
      id: "targets",
      title: "What it is measured against",
      width: 12,
      source: note(
        "Each service promises its own times, `objectives` in its file: detection 2 s, traffic safe 5 s and restore 30 s unless it says otherwise. An incident meets them if every time that is known of it does.",
      ),
    },
  ],
};
