import type { Command, CommandResult } from "@locum/contracts";
import { isShadow, unfitReason } from "./candidates.ts";
import type { Operation, Order } from "./decision.ts";
import { beginPromotion } from "./promotion.ts";
import {
  audit,
  isAwaited,
  membersOf,
  nextId,
  openOperations,
  send,
  setDurable,
  setMember,
  type Turn,
  tell,
} from "./turn.ts";

/** An operation whose instance does not come back for this long has failed; a restore of a large model takes minutes. */
const operationMsMax = 900_000;
/** Ended operations that are kept for the API. */
const operationsKept = 200;

type Start = {
  kind: Operation["kind"];
  instance: string;
  act: Command["act"] | null;
  requestedBy: string;
  reason: string;
  id?: string;
};

export function startOperation(
  turn: Turn,
  { kind, instance, act, requestedBy, reason, id = nextId(turn, kind) }: Start,
): Operation {
  const incident = turn.state.members[instance]?.incident ?? null;
  const operation: Operation = {
    id,
    kind,
    instance,
    act,
    state: "pending",
    code: "ok",
    detail: reason,
    requestedBy,
    createdAt: turn.wallMs,
    endedAt: null,
    incident,
  };
  save(turn, operation);
  if (act && kind !== "promote" && kind !== "failback") {
    audit(turn, intentOf[kind], instance, reason, { operation: id, ...factsOf(act) }, requestedBy);
    if (kind === "restore" || kind === "reload" || kind === "restart") tell(turn, instance, kind, reason);
  }
  return operation;
}

const intentOf = {
  restore: "restore.intent",
  reload: "reload.intent",
  restart: "restart.intent",
  drill: "drill.intent",
} as const;
const resultOf = {
  restore: "restore.result",
  reload: "reload.result",
  restart: "restart.result",
  drill: "drill.result",
} as const;

function factsOf(act: Command["act"]): Record<string, string | boolean | number> {
  if (act.kind === "restore" || act.kind === "reload") {
    const models = act.models ? { models: act.models.join(", ") } : {};
    if (act.kind === "reload") return models;
    return { judged: act.judged, release: act.release, reload: act.reload, ...models };
  }
  return act.kind === "drill" ? { fault: act.fault, ms: act.ms } : {};
}

function save(turn: Turn, operation: Operation): void {
  const all = { ...turn.state.durable.operations, [operation.id]: operation };
  const ended = Object.values(all).filter(({ endedAt }) => endedAt !== null);
  const forgotten =
    ended.length > operationsKept
      ? ended.sort((a, b) => a.createdAt - b.createdAt).slice(0, ended.length - operationsKept)
      : [];
  for (const { id } of forgotten) delete all[id];
  setDurable(turn, { operations: all });
}

/** Sends what is open and not awaited. A sidecar that has performed an id answers its first result, so this may repeat. */
export function advanceOperations(turn: Turn): void {
  for (const operation of openOperations(turn)) {
    if (!operation.act) continue;
    const member = turn.state.members[operation.instance];
    if (turn.wallMs - operation.createdAt > operationMsMax) {
      finish(turn, operation, {
        id: operation.id,
        outcome: "failed",
        code: "upstream-timeout",
        detail: "no answer in time",
        tookMs: operationMsMax,
      });
    } else if (
      member?.connected &&
      !member.contested &&
      !turn.state.awaited[operation.id] &&
      !isAwaited(turn, operation.instance, "restore", "reload", "restart", "drill")
    ) {
      if (operation.state !== "running") save(turn, { ...operation, state: "running" });
      send(turn, operation.instance, operation.id, operation.act, operation.detail);
    }
  }
}

export function finishOperation(turn: Turn, _awaited: { instance: string }, result: CommandResult): void {
  const operation = turn.state.durable.operations[result.id];
  if (operation && operation.endedAt === null) finish(turn, operation, result);
}

function finish(turn: Turn, operation: Operation, { outcome, code, detail, tookMs }: CommandResult): void {
  // The sidecar was replaced while it worked: the same order goes to its successor, under the same id.
  if (code === "wrong-incarnation") return;
  save(turn, { ...operation, state: outcome, code, detail, endedAt: turn.wallMs });
  const { kind, instance } = operation;
  if (kind === "promote" || kind === "failback") return;
  setMember(turn, instance, { repairedAtMs: turn.atMs });
  audit(turn, resultOf[kind], instance, detail, {
    operation: operation.id,
    outcome,
    code,
    tookMs: Math.round(tookMs),
    ...(operation.act?.kind === "drill" ? { fault: operation.act.fault } : {}),
  });
  const step = kind === "drill" ? "note" : outcome === "done" ? "verify" : kind;
  tell(
    turn,
    instance,
    step,
    outcome === "done"
      ? `${kind} done in ${Math.round(tookMs)} ms: ${detail}`
      : `${kind} ${outcome}: ${code} ${detail}`,
  );
}

/** What a person orders. It is refused where a safety rule stands against it, and the operation says which. */
export function takeOrder(turn: Turn, order: Order): void {
  if (order.kind === "pause" || order.kind === "resume") return pause(turn, order);
  if (turn.state.durable.operations[order.id]) return;
  audit(
    turn,
    "operator.order",
    order.instance,
    order.reason,
    { order: order.kind, operation: order.id },
    order.by,
  );
  const member = turn.state.members[order.instance];
  const start = {
    id: order.id,
    kind: order.kind,
    instance: order.instance,
    requestedBy: order.by,
    reason: order.reason,
    act: null,
  } as const;
  if (!member) return refuse(turn, start, `no instance ${order.instance}`);
  const { report } = member;
  switch (order.kind) {
    case "promote":
    case "failback": {
      const reason = unfitReason(turn, member, null);
      const forced =
        order.kind === "promote" && order.force && reason !== "active already" && !isShadow(turn, member.id);
      if (turn.state.durable.promotion) return refuse(turn, start, "another promotion is under way");
      if (reason && !forced) return refuse(turn, start, reason);
      const from = membersOf(turn).find(({ id }) => turn.state.durable.roles[id] === "active")?.id ?? null;
      startOperation(turn, start);
      return beginPromotion(turn, { from, to: member.id, reason: order.reason, operation: order.id, forced });
    }
    case "restore": {
      const release = order.release ?? report?.restorable[0];
      if (!report?.tree || !release)
        return refuse(turn, start, "no verified copy of an approved release is at hand");
      if (!report.restorable.includes(release))
        return refuse(turn, start, `no verified copy of ${release} is at hand`);
      startOperation(turn, {
        ...start,
        act: { kind: "restore", judged: report.tree, release, reload: true },
      });
      return;
    }
    case "reload":
      startOperation(turn, { ...start, act: { kind: "reload" } });
      return;
    case "restart":
      if (!report?.canRestart) return refuse(turn, start, "no restart driver is configured for it");
      startOperation(turn, { ...start, act: { kind: "restart" } });
      return;
    case "drill":
      startOperation(turn, { ...start, act: { kind: "drill", fault: order.fault, ms: order.ms } });
  }
}

function refuse(turn: Turn, start: Start, detail: string): void {
  const operation = startOperation(turn, { ...start, act: null });
  save(turn, { ...operation, state: "refused", code: "refused", detail, endedAt: turn.wallMs });
  audit(turn, "command.refused", start.instance, detail, { operation: operation.id, order: start.kind });
}

function pause(turn: Turn, order: Extract<Order, { kind: "pause" | "resume" }>): void {
  const pausedUntil = order.kind === "pause" ? order.untilWallMs : null;
  setDurable(turn, { pausedUntil });
  audit(
    turn,
    "pause.change",
    null,
    order.reason,
    { paused: pausedUntil !== null, untilMs: pausedUntil },
    order.by,
  );
}
