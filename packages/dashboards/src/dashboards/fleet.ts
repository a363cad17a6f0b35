import { Failure } from "@locum/contracts";
import { kinds, valuesOf } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { bars, count, groups, metric, overTime, table } from "../sources.ts";

const opened = kinds("incident.open");
const moves = ["divert.start", "divert.end", "promote.intent", "promote.commit", "promote.abort"] as const;

export const fleet: Dashboard = {
  id: "fleet",
  title: "Fleet and failovers",
  about: "Which instances are right, which are not, and where their traffic went.",
  panels: [
    { id: "incidents", title: "Incidents opened", width: 3, source: count(opened) },
    { id: "promotions", title: "Promotions committed", width: 3, source: count(kinds("promote.commit")) },
    { id: "diverts", title: "Diverts", width: 3, source: count(kinds("divert.start")) },
    {
      id: "helpless",
      title: "Nobody could take over",
      about: "A failure without a proven candidate, a spent budget, or all instances wrong at once.",
      width: 3,
      source: count(kinds("no-candidate", "budget.exhausted", "all-wrong")),
    },
    {
      id: "fit",
      title: "Instances proven fresh",
      width: 6,
      source: metric('sum by (service) (locum_instance_fit{service!=""})', "{{service}}"),
    },
    {
      id: "diverted",
      title: "Instances diverted",
      width: 6,
      source: metric('sum by (service) (locum_instance_diverted{service!=""})', "{{service}}"),
    },
    {
      id: "over-time",
      title: "Failures, diverts and promotions",
      width: 12,
      source: overTime("kind", kinds("incident.open", "mass-silence", ...moves)),
    },
    {
      id: "failures",
      title: "Incidents by failure",
      width: 6,
      source: groups(valuesOf("facts.failure", [...Failure.options, "silent", "latent-bytes"]), opened),
    },
    { id: "services", title: "Incidents by service", width: 6, source: bars("service", opened) },
    {
      id: "story",
      title: "What happened last",
      width: 12,
      source: table(
        ["at", "kind", "service", "instance", "incident", "reason"],
        kinds(
          "incident.open",
          "incident.close",
          ...moves,
          "promote.settle",
          "no-candidate",
          "mass-silence",
          "all-wrong",
        ),
      ),
    },
  ],
};
