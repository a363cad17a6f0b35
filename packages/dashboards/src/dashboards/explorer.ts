import { kinds } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { bars, count, overTime, table } from "../sources.ts";

export const explorer: Dashboard = {
  id: "explorer",
  title: "Audit explorer",
  about: "Who did what, when, and why: every record of the log.",
  panels: [
    { id: "records", title: "Records", width: 4, source: count() },
    { id: "orders", title: "Orders of people", width: 4, source: count(kinds("operator.order")) },
    { id: "refused", title: "Commands refused", width: 4, source: count(kinds("command.refused")) },
    { id: "over-time", title: "Records by kind", width: 12, source: overTime("kind") },
    { id: "kinds", title: "Most frequent kinds", width: 4, source: bars("kind") },
    { id: "actors", title: "Most active", width: 4, source: bars("actor") },
    { id: "services", title: "Records by service", width: 4, source: bars("service") },
    {
      id: "log",
      title: "All records",
      width: 12,
      source: table(["at", "seq", "kind", "service", "instance", "actor", "epoch", "incident", "reason"]),
    },
  ],
};
