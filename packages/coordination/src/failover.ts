import { spend } from "./budget.ts";
import { candidatesFor, unfitReason } from "./candidates.ts";
import type { Member } from "./decision.ts";
import { modelTroubleOf, troubleOf } from "./incidents.ts";
import { beginPromotion } from "./promotion.ts";
import { audit, isAwaited, isPaused, membersOf, sayOnce, type Turn, tell } from "./turn.ts";

/** An active that failed, and a standby that is proven fresh: begin. At most one promotion at a time. */
export function startPromotion(turn: Turn): void {
  const { durable, plan, massSilence, observeUntilMs } = turn.state;
  if (durable.promotion || turn.atMs < observeUntilMs || isPaused(turn)) return;
  const failing = failingActive(turn);
  if (!failing) return startFailback(turn);
  if (massSilence && failing.silent) return;
  const target = reinstated(turn, failing) ?? candidatesFor(turn, failing)[0];
  if (!target) return sayNoCandidate(turn, failing);
  const trouble = reasonOf(failing);
  if (plan.mode === "dry-run") {
    return sayOnce(turn, `${failing.id}:would-promote:${target.id}`, () => {
      const event = audit(
        turn,
        "promote.intent",
        target.id,
        `dry run: would promote ${target.id} for ${failing.id}: ${trouble}`,
        { dryRun: true },
      );
      turn.effects.push({ kind: "would", effect: { kind: "audit", event } });
    });
  }
  // Never budgeted: from proven bad to proven good is always right. Anti-flap limits the way back only.
  const from = target.id === failing.id ? null : failing.id;
  beginPromotion(turn, {
    from,
    to: target.id,
    reason: `${failing.id}: ${trouble}`,
    operation: null,
    forced: false,
  });
}

/** The first active that can no longer be one: failed, silent, fenced by itself, or unable to serve. */
function failingActive(turn: Turn): Member | null {
  const { durable, plan } = turn.state;
  return (
    membersOf(turn).find((member) => {
      if (durable.roles[member.id] !== "active" || member.contested) return false;
      const trouble = troubleOf(member);
      if (trouble && trouble.failure !== "latent-bytes") return true;
      if (movesWhole(turn, member)) return true;
      return (
        plan.class === "exclusive" &&
        member.report !== null &&
        member.connected &&
        member.report.role !== "active" &&
        !isAwaited(turn, member.id, "promote")
      );
    }) ?? null
  );
}

/**
 * One wrong model of several moves the role only where its requests cannot be moved by themselves: an exclusive active
 * answers alone, and a watcher that sends everything away has found somebody who is fit for all of it.
 */
const movesWhole = ({ state: { plan } }: Turn, member: Member): boolean =>
  modelTroubleOf(member) !== null && (plan.class === "exclusive" || member.report?.diverted === true);

const reasonOf = (failing: Member): string => {
  const trouble = troubleOf(failing) ?? modelTroubleOf(failing);
  return trouble ? `${trouble.failure}: ${trouble.detail}` : "fenced itself";
};

/** An exclusive active that fenced itself and is right again: itself in a higher epoch, if nobody else is fit. */
function reinstated(turn: Turn, failing: Member): Member | null {
  if (turn.state.plan.class !== "exclusive" || failing.report?.role === "active" || troubleOf(failing))
    return null;
  const reason = unfitReason(turn, failing, null);
  return reason === null || reason === "active already" ? failing : null;
}

function sayNoCandidate(turn: Turn, failing: Member): void {
  const reasons = membersOf(turn)
    .filter(({ id }) => id !== failing.id && turn.state.durable.roles[id] !== "active")
    .map((member) => `${member.id}: ${unfitReason(turn, member, failing) ?? "just refused"}`);
  if (reasons.length === 0) return;
  const text = reasons.join("; ");
  sayOnce(turn, `${failing.id}:no-candidate:${text}`, () => {
    const event = audit(turn, "no-candidate", failing.id, text, {});
    turn.effects.push({
      kind: "notify",
      subject: `${turn.state.plan.service}: nobody can stand in for ${failing.id}`,
      event,
    });
    tell(turn, failing.id, "refuse", text);
  });
}

/** Back to the configured active, after it has been right for long enough. Never by itself for exclusive services. */
function startFailback(turn: Turn): void {
  const { plan, durable } = turn.state;
  if (plan.failback !== "auto" || plan.class === "exclusive" || plan.mode === "dry-run") return;
  const displaced = plan.instances.find(
    ({ id, role }) => role === "active" && durable.roles[id] === "standby",
  );
  const member = displaced ? turn.state.members[displaced.id] : undefined;
  if (
    !member?.healthySinceMs ||
    turn.atMs - member.healthySinceMs < plan.failbackAfterMs ||
    unfitReason(turn, member, null)
  )
    return;
  const standIn = plan.instances.find(({ id, role }) => role === "standby" && durable.roles[id] === "active");
  if (standIn && spend(turn, "failback", member.id))
    beginPromotion(turn, {
      from: standIn.id,
      to: member.id,
      reason: "fail-back: right for long enough",
      operation: null,
      forced: false,
    });
}
