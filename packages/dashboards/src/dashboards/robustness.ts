import { kinds, valuesOf } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { bars, count, groups, metric, overTime, table } from "../sources.ts";

const found = kinds("input.finding");

export const robustness: Dashboard = {
  id: "robustness",
  title: "Robustness",
  about: "Which inputs break which rule, and where they arrive.",
  missing:
    "Rules of schema, size and finiteness only: learned ranges, detectors of foreign and adversarial inputs and drift have no findings yet, and no input is refused.",
  panels: [
    {
      id: "findings",
      title: "Findings on record",
      about: "One a minute for each instance, model and rule; the rate beside it counts them all.",
      width: 4,
      source: count(found),
    },
    {
      id: "rate",
      title: "Inputs that break a rule",
      width: 8,
      source: metric(
        "sum by (rule) (rate(locum_input_findings_total[$__rate_interval]))",
        "{{rule}}",
        "per second",
      ),
    },
    {
      id: "rules",
      title: "Findings by rule",
      width: 6,
      source: groups(
        valuesOf("facts.rule", ["name", "datatype", "shape", "count", "finite", "size", "undecodable"]),
        found,
      ),
    },
    { id: "instances", title: "Findings by instance", width: 6, source: bars("instance", found) },
    { id: "over-time", title: "Findings over time", width: 12, source: overTime("service", found) },
    {
      id: "last",
      title: "Last findings",
      width: 12,
      source: table(["at", "service", "instance", "facts.model", "facts.rule", "reason"], found),
    },
  ],
};
