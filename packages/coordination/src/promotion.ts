import type { CommandResult } from "@locum/contracts";
import { unfitReason } from "./candidates.ts";
import type { Input, Member, Promotion } from "./decision.ts";
import { troubleOf } from "./incidents.ts";
import {
  audit,
  isAwaited,
  markSafe,
  membersOf,
  nextId,
  sayOnce,
  send,
  setDurable,
  setMember,
  setState,
  type Turn,
  tell,
} from "./turn.ts";

/** The traffic path is asked this often before the promotion settles with a warning: it cannot be taken back. */
const pathTriesMax = 5;

export function beginPromotion(
  turn: Turn,
  { from, to, reason, operation, forced }: Pick<Promotion, "from" | "to" | "reason" | "operation" | "forced">,
): void {
  const epoch = turn.state.durable.epoch + 1;
  const id = nextId(turn, "promotion");
  const incident = from ? (turn.state.members[from]?.incident ?? null) : null;
  setDurable(turn, {
    epoch,
    promotion: {
      id,
      epoch,
      from,
      to,
      reason,
      phase: "prepare",
      startedAt: turn.wallMs,
      prepared: false,
      incarnation: null,
      fenced: from === null,
      operation,
      forced,
      incident,
    },
  });
  audit(turn, "promote.intent", to, reason, { from, to, epoch, promotion: id });
  if (from) tell(turn, from, "promote", `epoch ${epoch}: ${to} is asked to prove itself`, to);
}

/** One step further, from what is known now. Called in every turn, so that a new leader resumes where the last one stopped. */
export function advancePromotion(turn: Turn): void {
  const { promotion } = turn.state.durable;
  if (!promotion) return;
  if (promotion.phase === "verify") return askPath(turn, promotion);
  const target = turn.state.members[promotion.to];
  // A new leader first lets the candidate speak: not having heard of it yet says nothing of its fitness.
  if (turn.atMs < turn.state.observeUntilMs && !target?.report) return;
  const source = promotion.from ? turn.state.members[promotion.from] : undefined;
  const unfit = target ? unfitReason(turn, target, null) : "not configured";
  if (unfit && unfit !== "active already" && !promotion.forced)
    return abort(turn, promotion, `${promotion.to} is unfit: ${unfit}`);
  if (ageMs(turn, promotion) > turn.state.plan.prepareMs + waitForLeaseMs(turn))
    return abort(turn, promotion, "not prepared in time");
  if (
    !promotion.operation &&
    source &&
    !source.silent &&
    !troubleOf(source) &&
    source.report?.fit &&
    !promotion.fenced &&
    turn.state.plan.class === "stateless"
  )
    return abort(turn, promotion, `${source.id} proved itself again`);
  if (
    turn.state.plan.class === "exclusive" &&
    promotion.from &&
    !promotion.fenced &&
    !isAwaited(turn, promotion.from, "fence")
  )
    send(turn, promotion.from, `${promotion.id}/fence`, { kind: "fence" }, promotion.reason);
  if (!promotion.prepared && !isAwaited(turn, promotion.to, "prepare"))
    send(turn, promotion.to, `${promotion.id}/prepare`, { kind: "prepare" }, promotion.reason);
  if (promotion.prepared && !isSameBoot(target, promotion))
    return setDurable(turn, { promotion: { ...promotion, prepared: false } });
  if (promotion.prepared && mayCommit(turn)) commit(turn, promotion);
}

/**
 * Several are harmless, or nobody can answer any more: every lease has ended on our clock or was given back by the boot
 * that held it. Leases of the last leader are over when this one has listened for long enough.
 */
function mayCommit(turn: Turn): boolean {
  if (turn.state.plan.class === "stateless") return true;
  return (
    turn.atMs >= turn.state.observeUntilMs &&
    membersOf(turn).every(({ leaseUntilMs }) => turn.atMs >= leaseUntilMs)
  );
}

/** A boot that was started since has proven nothing; two boots in one epoch would be two actives. */
const isSameBoot = (target: Member | undefined, { incarnation }: Promotion): boolean =>
  target?.incarnation === incarnation;

const hasShown = ({ answeredAtMs, heardAtMs }: Member): boolean =>
  answeredAtMs !== null && (heardAtMs ?? 0) > answeredAtMs;

const waitForLeaseMs = ({ state: { plan } }: Turn): number =>
  plan.class === "exclusive" ? 2 * plan.leaseMs : 0;

/** A wall clock that was set back must not keep an intent open until it has caught up. */
const ageMs = (turn: Turn, { startedAt }: Promotion): number => Math.abs(turn.wallMs - startedAt);

function commit(turn: Turn, promotion: Promotion): void {
  const { roles } = turn.state.durable;
  const left =
    promotion.from && promotion.from !== promotion.to
      ? {
          [promotion.from]:
            turn.state.plan.class === "exclusive" ? ("fenced" as const) : ("standby" as const),
        }
      : {};
  setDurable(turn, {
    roles: { ...roles, ...left, [promotion.to]: "active" },
    promotion: { ...promotion, phase: "verify" },
  });
  setState(turn, { tried: {} });
  setMember(turn, promotion.to, { answeredAtMs: null });
  if (promotion.from) markSafe(turn, promotion.from);
  audit(turn, "promote.commit", promotion.to, promotion.reason, {
    from: promotion.from,
    to: promotion.to,
    epoch: promotion.epoch,
  });
  if (promotion.from)
    tell(
      turn,
      promotion.from,
      "promote",
      `epoch ${promotion.epoch}: ${promotion.to} is active`,
      promotion.to,
    );
}

function abort(turn: Turn, promotion: Promotion, reason: string): void {
  // The number is burnt: a sink may have seen it, so it is never used again.
  setDurable(turn, { promotion: null });
  setState(turn, { tried: { ...turn.state.tried, [promotion.to]: turn.atMs } });
  audit(turn, "promote.abort", promotion.to, reason, {
    from: promotion.from,
    to: promotion.to,
    epoch: promotion.epoch,
  });
  if (promotion.from) tell(turn, promotion.from, "abort", reason, promotion.to);
  endOperation(turn, promotion, "refused", "refused", reason);
}

export function finishPromotionStep(
  turn: Turn,
  { act, instance, incarnation }: { act: string; instance: string; incarnation: string },
  result: CommandResult,
): void {
  const { promotion } = turn.state.durable;
  if (result.outcome === "done" && (act === "promote" || act === "demote"))
    setMember(turn, instance, { answeredAtMs: turn.atMs });
  if (!promotion || !result.id.startsWith(`${promotion.id}/`)) return;
  const done = result.outcome === "done";
  if (act === "prepare" && done)
    setDurable(turn, { promotion: { ...promotion, prepared: true, incarnation } });
  else if (act === "prepare")
    abort(turn, promotion, `${instance} did not prove itself: ${result.code} ${result.detail}`);
  else if (act === "fence" && done) {
    setDurable(turn, { promotion: { ...promotion, fenced: true } });
    if (turn.state.members[instance]?.leasedTo === incarnation)
      setMember(turn, instance, { leaseUntilMs: 0, leasedTo: null });
  }
}

/** After the commit the candidate has to be told, and the path that clients use has to show the new epoch. */
function askPath(turn: Turn, promotion: Promotion): void {
  const target = turn.state.members[promotion.to];
  if (target?.report?.role === "active" && target.report.epoch >= promotion.epoch) {
    return sayOnce(turn, `path:${promotion.id}`, () => {
      turn.effects.push({
        kind: "verify-path",
        promotion: promotion.id,
        epoch: promotion.epoch,
        instance: promotion.to,
      });
    });
  }
  // An exclusive active that let go since comes back in a higher epoch only.
  if (turn.state.plan.class === "exclusive" && target && hasShown(target))
    return settle(turn, promotion, "the new active let go again before it was seen on the path");
  // Committed and then lost: the new active is judged like any other, so the next promotion may begin.
  if (!target || target.silent || troubleOf(target))
    settle(turn, promotion, "the new active failed before it was seen on the path");
  else if (
    turn.state.plan.class === "exclusive" &&
    target.incarnation !== null &&
    !isSameBoot(target, promotion)
  )
    settle(turn, promotion, "the new active was started anew before it was seen on the path");
  else if (ageMs(turn, promotion) > 2 * turn.state.plan.prepareMs + 2 * turn.state.plan.leaseMs)
    settle(turn, promotion, "the new active never reported its role");
}

export function confirmPath(
  turn: Turn,
  { promotion: id, ok, detail }: Extract<Input, { kind: "path" }>,
): void {
  const { promotion } = turn.state.durable;
  if (promotion?.id !== id || promotion.phase !== "verify") return;
  if (ok) return settle(turn, promotion, "seen on the traffic path");
  const tries = Object.keys(turn.state.said).filter((key) => key.startsWith(`path-failed:${id}`)).length + 1;
  if (tries >= pathTriesMax) return settle(turn, promotion, `not seen on the traffic path: ${detail}`);
  const { [`path:${id}`]: _asked, ...said } = turn.state.said;
  setState(turn, { said: { ...said, [`path-failed:${id}:${tries}`]: true } });
}

function settle(turn: Turn, promotion: Promotion, detail: string): void {
  setDurable(turn, { promotion: null });
  const said = Object.fromEntries(
    Object.entries(turn.state.said).filter(([key]) => !key.includes(promotion.id)),
  );
  setState(turn, { said });
  const event = audit(turn, "promote.settle", promotion.to, detail, {
    from: promotion.from,
    to: promotion.to,
    epoch: promotion.epoch,
    tookMs: turn.wallMs - promotion.startedAt,
  });
  turn.effects.push({
    kind: "notify",
    subject: `${turn.state.plan.service}: ${promotion.to} promoted`,
    event,
  });
  if (promotion.from) tell(turn, promotion.from, "promote", detail, promotion.to);
  endOperation(turn, promotion, "done", "ok", detail);
}

function endOperation(
  turn: Turn,
  promotion: Promotion,
  state: "done" | "refused",
  code: string,
  detail: string,
): void {
  const operation = promotion.operation ? turn.state.durable.operations[promotion.operation] : undefined;
  if (!operation) return;
  setDurable(turn, {
    operations: {
      ...turn.state.durable.operations,
      [operation.id]: { ...operation, state, code, detail, endedAt: turn.wallMs },
    },
  });
}
