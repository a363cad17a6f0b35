import { rollbackFor } from "./all-wrong.ts";
import { spend } from "./budget.ts";
import { volumeOf } from "./candidates.ts";
import type { Member } from "./decision.ts";
import { startOperation } from "./operations.ts";
import { type Repair, repairFor, repeatsOf, triedBy } from "./repair-for.ts";
import {
  audit,
  isPaused,
  membersOf,
  openOperations,
  sayOnce,
  type Turn,
  tell,
  updateIncident,
} from "./turn.ts";

/** Restores of one service at the same time; one per volume always. */
const restoresMax = 2;

export function startRepairs(turn: Turn): void {
  if (isPaused(turn) || turn.atMs < turn.state.observeUntilMs) return;
  for (const member of membersOf(turn)) startRepair(turn, member);
}

function startRepair(turn: Turn, member: Member): void {
  const incident = member.incident ? turn.state.incidents[member.incident] : undefined;
  const { report } = member;
  if (
    !incident ||
    !report ||
    !member.connected ||
    member.contested ||
    member.silent ||
    isBusy(turn, member.id)
  )
    return;
  const { plan, durable } = turn.state;
  if (member.repairedAtMs !== null && turn.atMs - member.repairedAtMs < 2 * plan.heartbeatMs) return;
  const repair = repairFor(report, {
    onUnapproved: plan.onUnapproved,
    settleMs: plan.settleMs,
    frozen: durable.frozen,
    frozenModels: durable.frozenModels,
    rollbackTo: rollbackFor(turn, member),
    tried: incident.tried,
  });
  switch (repair.kind) {
    case "none":
    case "wait":
      return;
    case "hold":
      return sayOnce(turn, `${member.id}:hold:${repair.why}`, () => {
        tell(turn, member.id, "hold", repair.why);
        const event = audit(turn, "command.refused", member.id, repair.why, {});
        turn.effects.push({ kind: "notify", subject: `${plan.service}/${member.id}: held`, event });
      });
    case "act":
      return act(turn, member, repair, incident.tried);
  }
}

function act(
  turn: Turn,
  member: Member,
  { act, why }: Extract<Repair, { kind: "act" }>,
  tried: string[],
): void {
  const { plan } = turn.state;
  if (act.kind === "restore" && !mayRestore(turn, member.id)) return;
  if (plan.mode === "dry-run") {
    return sayOnce(turn, `${member.id}:would:${act.kind}`, () => {
      const event = audit(turn, `${act.kind}.intent`, member.id, `dry run: ${why}`, { dryRun: true });
      turn.effects.push({ kind: "would", effect: { kind: "audit", event } });
    });
  }
  if (!spend(turn, act.kind, member.id, repeatsOf(act, tried))) return;
  const incident = member.incident ? turn.state.incidents[member.incident] : undefined;
  if (incident) updateIncident(turn, { ...incident, tried: [...tried, ...triedBy(act)] });
  startOperation(turn, { kind: act.kind, instance: member.id, act, requestedBy: "collector", reason: why });
}

const isBusy = (turn: Turn, instance: string): boolean =>
  openOperations(turn).some((operation) => operation.instance === instance) ||
  turn.state.durable.promotion?.to === instance;

function mayRestore(turn: Turn, instance: string): boolean {
  const running = openOperations(turn).filter(({ kind }) => kind === "restore");
  return (
    running.length < restoresMax &&
    running.every((operation) => volumeOf(turn, operation.instance) !== volumeOf(turn, instance))
  );
}
