import type { Member } from "./decision.ts";
import { wrongModels } from "./repair-for.ts";
import { membersOf, type Turn } from "./turn.ts";

/** A candidate is asked again after this many times the time that it has for its proof. */
const triedAgain = 5;

/**
 * Why this instance may not be promoted now, or null where it may. No standby is promoted whose fitness is not proven
 * fresh: the reason is what a person reads in the incident.
 */
export function unfitReason(turn: Turn, member: Member, failing: Member | null): string | null {
  const { plan, durable } = turn.state;
  const { report } = member;
  if (isShadow(turn, member.id)) return "a shadow takes no traffic";
  if (member.contested) return "two live incarnations claim this identity";
  if (!member.connected || member.silent || !report) return "not heard of";
  if (report.verdict.kind !== "healthy")
    return `${report.verdict.kind}${"failure" in report.verdict ? ` (${report.verdict.failure})` : ""}`;
  if (report.bytes === "unapproved") return "its files belong to no approved release";
  const wrong = wrongModels(report);
  if (wrong.length > 0) return `answers wrongly for ${wrong.join(", ")}`.slice(0, 500);
  if (report.goldens !== "none" && report.goldens !== "proven") return `goldens ${report.goldens}`;
  if (report.provenAgeMs !== null && report.provenAgeMs > plan.fitnessMaxAgeMs)
    return `last proven ${Math.round(report.provenAgeMs / 1000)} s ago`;
  if (!report.fit) return "not proven fit";
  const volume = volumeOf(turn, member.id);
  // What a silent instance said of its files last is older than what this one says of the same files.
  const shared = failing && !failing.silent && volume === volumeOf(turn, failing.id);
  if (shared && failing.report?.bytes === "unapproved") return "shares the files of the failed instance";
  return durable.roles[member.id] === "active" ? "active already" : null;
}

/** Fit candidates, the best first: another failure domain than the failed one, then the freshest proof, then the least load. */
export function candidatesFor(turn: Turn, failing: Member | null): Member[] {
  const domain = failing ? domainOf(turn, failing.id) : null;
  const rank = (member: Member): [number, number, number] => [
    domain !== null && domainOf(turn, member.id) === domain ? 1 : 0,
    member.report?.provenAgeMs ?? Number.POSITIVE_INFINITY,
    member.report?.requestsPerSecond ?? 0,
  ];
  return membersOf(turn)
    .filter(
      (member) =>
        member.id !== failing?.id &&
        unfitReason(turn, member, failing) === null &&
        !wasJustTried(turn, member.id),
    )
    .sort((a, b) => compare(rank(a), rank(b)));
}

/** It did not prove itself a moment ago: others go first. For good it is out only by what it reports. */
const wasJustTried = (turn: Turn, id: string): boolean => {
  const triedAtMs = turn.state.tried[id];
  return triedAtMs !== undefined && turn.atMs - triedAtMs < triedAgain * turn.state.plan.prepareMs;
};

export const isShadow = (turn: Turn, id: string): boolean =>
  turn.state.plan.instances.some((instance) => instance.id === id && instance.shadow === true);

export const volumeOf = (turn: Turn, id: string): string =>
  turn.state.plan.instances.find((instance) => instance.id === id)?.volume ?? id;
const domainOf = (turn: Turn, id: string): string =>
  turn.state.plan.instances.find((instance) => instance.id === id)?.domain ?? id;

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = value - (b[index] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}
