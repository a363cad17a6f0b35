import type { Incident } from "@locum/contracts";
import type { Member, OpenIncident } from "./decision.ts";
import { type Recovery, recoveryFacts } from "./recovery-facts.ts";
import { wrongModels } from "./repair-for.ts";
import {
  audit,
  markSafe,
  membersOf,
  nextId,
  setMember,
  setState,
  type Turn,
  tell,
  unsay,
  updateIncident,
} from "./turn.ts";

/** Opens an incident when an instance fails, and closes it when the instance is proven right again. */
export function followIncidents(turn: Turn): void {
  for (const member of membersOf(turn)) {
    const trouble = troubleOf(member) ?? modelTroubleOf(member);
    const open = member.incident ? turn.state.incidents[member.incident] : undefined;
    if (trouble && !open) {
      if (!isBeingWritten(turn, member, trouble)) openIncident(turn, member, trouble);
    } else if (
      trouble &&
      open &&
      open.failure !== trouble.failure &&
      rank(trouble.failure) > rank(open.failure)
    ) {
      updateIncident(turn, { ...open, failure: trouble.failure });
      tell(turn, member.id, "detect", `${trouble.failure}: ${trouble.detail}`);
    } else if (!trouble && open && isRight(turn, member)) closeIncident(turn, member);
  }
}

type Trouble = { failure: Incident["failure"]; detail: string };

export function troubleOf({ report, silent, connected, heardAtMs }: Member): Trouble | null {
  // Silence is judged only of those that were heard once: the first start is no incident.
  if (heardAtMs !== null && silent)
    return {
      failure: "silent",
      detail: connected ? "no report, the stream is open" : "no report, the stream is closed",
    };
  if (!report) return null;
  const { verdict } = report;
  if (verdict.kind === "failed")
    return { failure: verdict.failure, detail: verdict.evidence.map(({ detail }) => detail).join("; ") };
  if (report.bytes === "unapproved" && report.goldens === "proven")
    return {
      failure: "latent-bytes",
      detail: "the files belong to no approved release, the loaded model answers rightly",
    };
  return null;
}

/** Some models of several are wrong on a server that is not: their neighbours stay where they are. */
export function modelTroubleOf({ report }: Member): Trouble | null {
  if (!report) return null;
  const wrong = wrongModels(report);
  const failures = wrong.flatMap((name) => {
    const verdict = report.models?.[name]?.verdict;
    return verdict?.kind === "failed" ? { name, ...verdict } : [];
  });
  const [first] = failures;
  if (!first) return null;
  const details = failures.map(
    ({ name, evidence }) => `${name}: ${evidence.map(({ detail }) => detail).join("; ")}`,
  );
  return { failure: first.failure, detail: details.join("; ").slice(0, 1000) };
}

/** A deploy puts its files beside the others before it renames them: until they were quiet, nothing is wrong with them. */
const isBeingWritten = ({ state }: Turn, { report }: Member, { failure }: Trouble): boolean =>
  failure === "latent-bytes" && (report?.quietMs ?? 0) < state.plan.settleMs;

/** A latent finding may turn into a failure, and a silent instance may speak of a worse one; never the other way. */
const rank = (failure: Incident["failure"]): number =>
  failure === "latent-bytes" ? 0 : failure === "silent" ? 1 : 2;

function isRight({ state }: Turn, { report, silent }: Member): boolean {
  const settled = state.durable.promotion === null;
  return (
    settled &&
    !silent &&
    report?.verdict.kind === "healthy" &&
    report.bytes !== "unapproved" &&
    report.goldens !== "failed" &&
    report.goldens !== "partial"
  );
}

function openIncident(turn: Turn, { id }: Member, { failure, detail }: Trouble): void {
  const incident = nextId(turn, "incident");
  setState(turn, {
    incidents: {
      ...turn.state.incidents,
      [incident]: {
        id: incident,
        service: turn.state.plan.service,
        instance: id,
        failure,
        openedAtMs: turn.wallMs,
        closedAtMs: null,
        drill: drillOn(turn, id),
        timeline: [],
        tried: [],
      },
    },
  });
  setMember(turn, id, { incident });
  tell(turn, id, "detect", `${failure}: ${detail}`);
  const { diverted = false, models = {} } = turn.state.members[id]?.report ?? {};
  if (diverted) {
    markSafe(turn, id);
    tell(turn, id, "divert", "new requests go elsewhere");
  }
  for (const [name, model] of Object.entries(models))
    if (model.diverted && !diverted) {
      markSafe(turn, id);
      tell(turn, id, "divert", `requests of ${name} go elsewhere, its neighbours are served here`);
    }
  const event = audit(turn, "incident.open", id, detail, { failure });
  turn.effects.push({ kind: "notify", subject: `${turn.state.plan.service}/${id}: ${failure}`, event });
}

/** A failure within this after a drill's end is still the drill's: undoing it takes its time, too. */
const drillAftermathMs = 10_000;

function drillOn({ state, wallMs }: Turn, instance: string): string | null {
  const drills = Object.values(state.durable.operations).filter(
    ({ act, state: how, ...operation }) =>
      act?.kind === "drill" &&
      operation.instance === instance &&
      how !== "refused" &&
      Math.abs(wallMs - operation.createdAt) < act.ms + drillAftermathMs,
  );
  return drills.at(-1)?.id ?? null;
}

const rightAgain = "proven right again";

export function closeIncident(turn: Turn, { id, incident }: Member, why = rightAgain): void {
  const open = incident ? turn.state.incidents[incident] : undefined;
  if (!open) return;
  tell(turn, id, "close", why);
  const closed = { ...(turn.state.incidents[open.id] ?? open), closedAtMs: turn.wallMs };
  updateIncident(turn, closed);
  const event = audit(turn, "incident.close", id, why, {
    failure: open.failure,
    tookMs: Math.max(0, turn.wallMs - open.openedAtMs),
    drill: open.drill !== null,
    ...(why === rightAgain ? recoveryFacts(recoveryOf(turn, open)) : {}),
  });
  turn.effects.push({ kind: "notify", subject: `${turn.state.plan.service}/${id}: closed`, event });
  const { [open.id]: _closed, ...rest } = turn.state.incidents;
  setState(turn, { incidents: rest });
  setMember(turn, id, { incident: null });
  unsay(turn, `${id}:`);
}

const recoveryOf = ({ state, wallMs }: Turn, incident: OpenIncident): Recovery => ({
  incident,
  rightAtMs: wallMs,
  faultAtMs: (incident.drill && state.durable.operations[incident.drill]?.createdAt) || null,
  objectives: state.plan.objectives,
});
