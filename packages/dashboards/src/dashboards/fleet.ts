import { Failure } from "@locum/contracts";
import { kinds, valuesOf } from "../conditions.ts";
import type { Dashboard } from "../model.ts";

export const fleet: Dashboard = {
  id: "fleet",
  title: "Fleet and failovers",
  about: "Which instances are right, which are not, and where their traffic went.",
  panels: [
    {
      id: "incidents",
      title: "Incidents opened",
      width: 3,
      source: { kind: "count", filter: [kinds("incident.open")] },
    },
    {
      id: "promotions",
      title: "Promotions committed",
      width: 3,
      source: { kind: "count", filter: [kinds("promote.commit")] },
    },
    {
      id: "diverts",
      title: "Diverts",
      width: 3,
      source: { kind: "count", filter: [kinds("divert.start")] },
    },
    {
      id: "helpless",
      title: "Nobody could take over",
      about: "A failure without a proven candidate, a spent budget, or all instances wrong at once.",
      width: 3,
      source: { kind: "count", filter: [kinds("no-candidate", "budget.exhausted", "all-wrong")] },
    },
    {
      id: "fit",
      title: "Instances proven fresh",
      width: 6,
      source: {
        kind: "metric",
        promql: "sum by (service) (locum_instance_fit)",
        legend: "{{service}}",
        unit: "1",
      },
    },
    {
      id: "diverted",
      title: "Instances diverted now",
      width: 6,
      source: {
        kind: "metric",
        promql: "sum by (service) (locum_instance_diverted)",
        legend: "{{service}}",
        unit: "1",
      },
    },
    {
      id: "failovers",
      title: "Failures, diverts and promotions",
      width: 12,
      source: {
        kind: "histogram",
        filter: [kinds("incident.open", "divert.start", "promote.commit", "promote.abort", "mass-silence")],
        by: "kind",
      },
    },
    {
      id: "failures",
      title: "Incidents by failure",
      width: 6,
      source: {
        kind: "groups",
        filter: [kinds("incident.open")],
        groups: valuesOf("facts.failure", [...Failure.options, "silent", "latent-bytes"]),
      },
    },
    {
      id: "services",
      title: "Incidents by service",
      width: 6,
      source: { kind: "bars", filter: [kinds("incident.open")], by: "service", size: 20 },
    },
    {
      id: "story",
      title: "What happened last",
      width: 12,
      source: {
        kind: "table",
        filter: [
          kinds(
            "incident.open",
            "incident.close",
            "divert.start",
            "divert.end",
            "promote.intent",
            "promote.commit",
            "promote.abort",
            "promote.settle",
            "no-candidate",
            "mass-silence",
            "all-wrong",
          ),
        ],
        columns: ["at", "kind", "service", "instance", "incident", "reason"],
      },
    },
  ],
};
