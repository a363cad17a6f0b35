import { kinds } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { bars, count, note, overTime, table, total } from "../sources.ts";

const roots = kinds("inference.root");

export const fairness: Dashboard = {
  id: "fairness",
  title: "Fairness",
  about: "Whether a model treats groups alike, and how sure that is.",
  missing:
    "No fairness measure is computed yet. Shown is what one would be computed over: the answers that are on record, and the releases that gave them.",
  panels: [
    { id: "batches", title: "Batches of answers on record", width: 4, source: count(roots) },
    {
      id: "answers",
      title: "Answers in them",
      width: 8,
      source: total("measures.count", roots),
    },
    { id: "over-time", title: "Batches over time", width: 12, source: overTime("service", roots) },
    { id: "services", title: "Batches by service", width: 6, source: bars("service", roots) },
    {
      id: "releases",
      title: "Releases approved",
      width: 6,
      source: table(["at", "service", "actor", "facts.release", "reason"], kinds("release.approve")),
    },
    {
      id: "coming",
      title: "What is missing",
      width: 12,
      source: note(
        "A measure needs a group and an outcome for each answer, and an interval for its uncertainty. Neither leaves the pod without a schema that names it.",
      ),
    },
  ],
};
