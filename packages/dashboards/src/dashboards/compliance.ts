import { kinds } from "../conditions.ts";
import type { Dashboard } from "../model.ts";
import { bars, count, note, overTime, table } from "../sources.ts";

const oversight = kinds("operator.order", "pause.change", "policy.change", "release.approve");
const erasure = kinds("erase.intent", "erase.result");

export const compliance: Dashboard = {
  id: "compliance",
  title: "Compliance clocks",
  about:
    "What a regulator asks for: what happened, who decided, what was erased, and by when it must be told.",
  missing:
    "No clock runs yet and no control has a status: shown are the facts that they will be derived from.",
  panels: [
    { id: "incidents", title: "Incidents opened", width: 3, source: count(kinds("incident.open")) },
    { id: "oversight", title: "Decisions of people", width: 3, source: count(oversight) },
    { id: "erasures", title: "Erasures", width: 3, source: count(kinds("erase.result")) },
    {
      id: "answers",
      title: "Batches of answers on record",
      width: 3,
      source: count(kinds("inference.root")),
    },
    { id: "over-time", title: "Decisions over time", width: 8, source: overTime("kind", oversight) },
    { id: "who", title: "Who decided", width: 4, source: bars("actor", oversight) },
    {
      id: "decisions",
      title: "Decisions of people, with their reasons",
      width: 12,
      source: table(["at", "kind", "service", "instance", "actor", "reason"], oversight),
    },
    {
      id: "erased",
      title: "Erasures, asked and done",
      width: 12,
      source: table(["at", "kind", "actor", "reason"], erasure),
    },
    {
      id: "clocks",
      title: "Clocks",
      width: 12,
      source: note(
        "A clock starts with an incident and ends with its report: 72 hours for personal data, 15 days for a serious incident of a high-risk system. Until they run here, the date of an incident's record is where they start.",
      ),
    },
  ],
};
