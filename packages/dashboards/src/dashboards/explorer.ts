import { kinds } from "../conditions.ts";
import type { Dashboard } from "../model.ts";

export const explorer: Dashboard = {
  id: "explorer",
  title: "Audit explorer",
  about: "Who did what, when, and why: every record of the log.",
  panels: [
    {
      id: "records",
      title: "Records",
      width: 4,
      source: { kind: "count", filter: [] },
    },
    {
      id: "orders",
      title: "Orders of people",
      width: 4,
      source: { kind: "count", filter: [kinds("operator.order")] },
    },
    {
      id: "refused",
      title: "Commands refused",
      width: 4,
      source: { kind: "count", filter: [kinds("command.refused")] },
    },
    {
      id: "over-time",
      title: "Records by kind",
      width: 12,
      source: { kind: "histogram", filter: [], by: "kind" },
    },
    {
      id: "kinds",
      title: "Most frequent kinds",
      width: 4,
      source: { kind: "bars", filter: [], by: "kind", size: 20 },
    },
    {
      id: "actors",
      title: "Most active",
      width: 4,
      source: { kind: "bars", filter: [], by: "actor", size: 20 },
    },
    {
      id: "services",
      title: "Records by service",
      width: 4,
      source: { kind: "bars", filter: [], by: "service", size: 20 },
    },
    {
      id: "log",
      title: "All records",
      width: 12,
      source: {
        kind: "table",
        filter: [],
        columns: ["at", "seq", "kind", "service", "instance", "actor", "epoch", "incident", "reason"],
      },
    },
  ],
};
