import type { Command, CommandResult, PoolClass, Role } from "@locum/contracts";

/**
 * The sidecar's side of the fencing protocol: which role it holds, in which epoch, and until when. It keeps the
 * highest term and epoch that it has seen and refuses lower ones; the epoch and term are durable, the rest is not.
 */
export type Holder = {
  class: PoolClass;
  incarnation: string;
  term: number;
  epoch: number;
  role: Role;
  /** Monotonic end of the lease of an exclusive active, counted from the send time of the acknowledged report. */
  leaseUntilMs: number | null;
  lastMonotonicMs: number;
  lastWallMs: number;
  /** Results by command id: a repeated command is answered, not performed again. */
  results: Record<string, CommandResult | "running">;
};

export type HolderInput = { atMs: number; wallMs: number } & (
  | { kind: "command"; command: Command }
  | { kind: "acted"; result: CommandResult; command: Command }
  | { kind: "ack"; sentMs: number; term: number; epoch: number; leaseMs: number | null }
  | { kind: "tick" }
);

export type HolderEffect =
  | { kind: "answer"; result: CommandResult }
  /** Do it; its result comes back as `acted`. */
  | { kind: "perform"; command: Command }
  /** Term, epoch or role changed: on disk before anything that follows. */
  | { kind: "persist" }
  | { kind: "fenced"; reason: "command" | "lease-ended" | "clock-jump" };

/** A suspended machine's monotonic clock may have stood still: the wall clock then ran ahead of it. */
const clockJumpMs = 250;
const resultsMax = 256;

export function startHolder(
  start: Pick<Holder, "class" | "incarnation" | "term" | "epoch" | "role"> & { atMs: number; wallMs: number },
): Holder {
  const { atMs, wallMs, ...rest } = start;
  // A restarted exclusive active holds no lease: it stays fenced until a higher epoch lifts it or a lease is granted.
  const role = rest.class === "exclusive" && rest.role === "active" ? "fenced" : rest.role;
  return { ...rest, role, leaseUntilMs: null, lastMonotonicMs: atMs, lastWallMs: wallMs, results: {} };
}

/**
 * May this instance answer requests now? For stateless services only a fence by command says no. Ask with both clocks
 * for an exclusive one: after a suspension a request may come before the tick that notices the jump.
 */
export function mayServe(holder: Holder, atMs: number, wallMs?: number): boolean {
  if (holder.class === "stateless") return holder.role !== "fenced";
  if (wallMs !== undefined && aheadMs(holder, atMs, wallMs) > clockJumpMs) return false;
  return holder.role === "active" && holder.leaseUntilMs !== null && atMs < holder.leaseUntilMs;
}

export function hold(before: Holder, input: HolderInput): { holder: Holder; effects: HolderEffect[] } {
  const { holder, effects } = watchClock(before, input);
  switch (input.kind) {
    case "command":
      return join(effects, receive(holder, input.command));
    case "acted":
      return join(effects, complete(holder, input.command, input.result));
    case "ack":
      return join(effects, extendLease(holder, input));
    case "tick":
      return { holder, effects };
  }
}

function watchClock(
  before: Holder,
  { atMs, wallMs }: HolderInput,
): { holder: Holder; effects: HolderEffect[] } {
  const holder = { ...before, lastMonotonicMs: atMs, lastWallMs: wallMs };
  if (holder.class === "stateless" || holder.role !== "active" || holder.leaseUntilMs === null)
    return { holder, effects: [] };
  if (aheadMs(before, atMs, wallMs) > clockJumpMs) return selfFence(holder, "clock-jump");
  return atMs >= holder.leaseUntilMs ? selfFence(holder, "lease-ended") : { holder, effects: [] };
}

/** By how much the wall clock ran further than the monotonic one since both were last looked at. */
const aheadMs = (holder: Holder, atMs: number, wallMs: number): number =>
  wallMs - holder.lastWallMs - (atMs - holder.lastMonotonicMs);

function selfFence(
  holder: Holder,
  reason: "lease-ended" | "clock-jump",
): { holder: Holder; effects: HolderEffect[] } {
  return {
    holder: { ...holder, role: "fenced", leaseUntilMs: null },
    effects: [{ kind: "persist" }, { kind: "fenced", reason }],
  };
}

function receive(holder: Holder, command: Command): { holder: Holder; effects: HolderEffect[] } {
  const known = holder.results[command.id];
  if (known === "running") return { holder, effects: [] };
  if (known) return { holder, effects: [{ kind: "answer", result: known }] };
  const refusal = refusalOf(holder, command);
  if (refusal) return { holder, effects: [{ kind: "answer", result: refused(command.id, refusal) }] };
  const grown = command.term > holder.term || command.epoch > holder.epoch;
  const seen = {
    ...holder,
    term: command.term,
    epoch: command.epoch,
    results: remember(holder.results, command.id, "running"),
  };
  // The fence closes the gate before anything is awaited: what is in flight may end, nothing new begins.
  const fences = command.act.kind === "fence";
  return {
    holder: fences ? { ...seen, role: "fenced", leaseUntilMs: null } : seen,
    effects: [
      ...(grown || fences ? ([{ kind: "persist" }] as const) : []),
      ...(fences ? ([{ kind: "fenced", reason: "command" }] as const) : []),
      { kind: "perform", command },
    ],
  };
}

function refusalOf(
  holder: Holder,
  command: Command,
): "wrong-incarnation" | "stale-term" | "stale-epoch" | null {
  if (command.incarnation !== holder.incarnation) return "wrong-incarnation";
  if (command.term < holder.term) return "stale-term";
  return command.epoch < holder.epoch ? "stale-epoch" : null;
}

function complete(
  holder: Holder,
  command: Command,
  result: CommandResult,
): { holder: Holder; effects: HolderEffect[] } {
  const known = { ...holder, results: remember(holder.results, result.id, result) };
  const answer: HolderEffect = { kind: "answer", result };
  // A higher epoch may have arrived while the act was performed: its orders stand.
  if (result.outcome !== "done" || command.epoch < holder.epoch) return { holder: known, effects: [answer] };
  // An exclusive active serves from its first lease on, which only an acknowledged report brings: counted from the
  // send time here and from the receipt at the judge, the holder always lets go first.
  if (command.act.kind === "promote")
    return {
      holder: { ...known, role: "active", leaseUntilMs: null },
      effects: [{ kind: "persist" }, answer],
    };
  if (command.act.kind === "demote")
    return {
      holder: { ...known, role: "standby", leaseUntilMs: null },
      effects: [{ kind: "persist" }, answer],
    };
  return { holder: known, effects: [answer] };
}

function extendLease(
  holder: Holder,
  ack: Extract<HolderInput, { kind: "ack" }>,
): { holder: Holder; effects: HolderEffect[] } {
  if (ack.term < holder.term || ack.epoch < holder.epoch) return { holder, effects: [] };
  const grown = ack.term > holder.term || ack.epoch > holder.epoch;
  const seen = { ...holder, term: ack.term, epoch: ack.epoch };
  const extended = holder.role === "active" && ack.leaseMs !== null && !grown;
  const leaseUntilMs = extended
    ? Math.max(holder.leaseUntilMs ?? 0, ack.sentMs + holdable(ack.leaseMs ?? 0))
    : holder.leaseUntilMs;
  return { holder: { ...seen, leaseUntilMs }, effects: grown ? [{ kind: "persist" }] : [] };
}

/** The holder lets go early, by 10 % and at least 200 ms, so that a clock that runs slow still lets go in time. */
const holdable = (leaseMs: number): number => leaseMs - Math.max(200, leaseMs * 0.1);

function refused(id: string, code: string): CommandResult {
  return { id, outcome: "refused", code, detail: "", tookMs: 0 };
}

function remember(
  results: Holder["results"],
  id: string,
  result: CommandResult | "running",
): Holder["results"] {
  const entries = Object.entries(results).filter(([known]) => known !== id);
  return Object.fromEntries([...entries.slice(-(resultsMax - 1)), [id, result]]);
}

function join(
  effects: HolderEffect[],
  step: { holder: Holder; effects: HolderEffect[] },
): { holder: Holder; effects: HolderEffect[] } {
  return { holder: step.holder, effects: [...effects, ...step.effects] };
}
