import type { AuditEvent, Command, TimelineEntry } from "@locum/contracts";
import type { Durable, Effect, Input, Member, OpenIncident, Operation, ServiceState } from "./decision.ts";

/**
 * One call of `decide` while it runs: the state is replaced, never changed in place, and effects collect in order.
 * The rules below take a turn and read as sentences; only this file knows how state and effects are kept.
 */
export type Turn = { state: ServiceState; effects: Effect[]; atMs: number; wallMs: number };

export const startTurn = (state: ServiceState, { atMs, wallMs }: Input): Turn => ({
  state,
  effects: [],
  atMs,
  wallMs,
});

export function setMember(turn: Turn, id: string, patch: Partial<Member>): void {
  const member = turn.state.members[id];
  if (!member) return;
  turn.state = { ...turn.state, members: { ...turn.state.members, [id]: { ...member, ...patch } } };
}

/** Changes what must survive. Commands of this turn wait until the change is stored. */
export function setDurable(turn: Turn, patch: Partial<Durable>): void {
  turn.state = { ...turn.state, durable: { ...turn.state.durable, ...patch } };
}

export const setState = (turn: Turn, patch: Partial<ServiceState>): void => {
  turn.state = { ...turn.state, ...patch };
};

/** In the order of the plan. Every rule asks for it in every turn, so it is a plain loop. */
export function membersOf({ state }: Turn | { state: ServiceState }): Member[] {
  const members: Member[] = [];
  for (const { id } of state.plan.instances) {
    const member = state.members[id];
    if (member) members.push(member);
  }
  return members;
}

/**
 * Hundreds of ended operations are kept, and every rule asks for the few open ones in every turn. A record is never
 * changed in place, so what was found in it once stays true.
 */
export function openOperations({ state }: Turn): readonly Operation[] {
  const { operations } = state.durable;
  const known = openOf.get(operations);
  if (known) return known;
  const open = Object.values(operations).filter(({ endedAt }) => endedAt === null);
  openOf.set(operations, open);
  return open;
}

const openOf = new WeakMap<Durable["operations"], readonly Operation[]>();

/** A number that no other command of this service ever had: the term is in it. */
export function nextId(turn: Turn, prefix: string): string {
  const counter = turn.state.counter + 1;
  setState(turn, { counter });
  return `${prefix}-${turn.state.durable.term}-${counter}`;
}

/** How long a command may go unanswered before it is sent again: the sidecar knows ids that it has performed. */
const answerMs: Record<Command["act"]["kind"], number> = {
  fence: 2000,
  prepare: 2000,
  promote: 2000,
  demote: 2000,
  drain: 2000,
  drill: 5000,
  reload: 60_000,
  restart: 90_000,
  restore: 600_000,
};

export function send(turn: Turn, instance: string, id: string, act: Command["act"], reason: string): void {
  const incarnation = turn.state.members[instance]?.incarnation;
  if (!incarnation) return;
  const { term, epoch } = turn.state.durable;
  const command: Command = { id, term, epoch, incarnation, act, reason: reason.slice(0, 500) };
  turn.effects.push({ kind: "send", instance, command });
  const awaited = { instance, incarnation, act: act.kind, untilMs: turn.atMs + answerMs[act.kind] };
  setState(turn, { awaited: { ...turn.state.awaited, [id]: awaited } });
}

export function isAwaited(turn: Turn, instance: string, ...acts: Command["act"]["kind"][]): boolean {
  return Object.values(turn.state.awaited).some(
    (awaited) => awaited.instance === instance && acts.includes(awaited.act),
  );
}

type Facts = AuditEvent["facts"];

export function audit(
  turn: Turn,
  kind: AuditEvent["kind"],
  instance: string | null,
  reason: string,
  facts: Facts = {},
  actor = "collector",
): Omit<AuditEvent, "at"> {
  const incident = instance ? (turn.state.members[instance]?.incident ?? null) : null;
  const event = {
    kind,
    service: turn.state.plan.service,
    instance,
    actor,
    epoch: turn.state.durable.epoch,
    incident,
    reason: reason.slice(0, 1000),
    facts,
  };
  turn.effects.push({ kind: "audit", event });
  return event;
}

/** Says something once until it is unsaid: budgets and dry runs must not repeat themselves every tick. */
export function sayOnce(turn: Turn, key: string, say: () => void): void {
  if (turn.state.said[key]) return;
  setState(turn, { said: { ...turn.state.said, [key]: true } });
  say();
}

export function unsay(turn: Turn, prefix: string): void {
  const said = Object.fromEntries(Object.entries(turn.state.said).filter(([key]) => !key.startsWith(prefix)));
  if (Object.keys(said).length !== Object.keys(turn.state.said).length) setState(turn, { said });
}

const timelineMax = 500;

/** Adds a line to the story of the incident that this instance is in, if it is in one. */
export function tell(
  turn: Turn,
  instance: string,
  step: TimelineEntry["step"],
  detail: string,
  about: string | null = instance,
): void {
  const id = turn.state.members[instance]?.incident;
  const incident = id ? turn.state.incidents[id] : undefined;
  if (incident)
    updateIncident(turn, { ...incident, timeline: withEntry(turn, incident, step, about, detail) });
}

function withEntry(
  turn: Turn,
  incident: OpenIncident,
  step: TimelineEntry["step"],
  instance: string | null,
  detail: string,
): TimelineEntry[] {
  const entry = {
    offsetMs: Math.max(0, turn.wallMs - incident.openedAtMs),
    step,
    instance,
    detail: detail.slice(0, 1000),
  };
  return [...incident.timeline, entry].slice(-timelineMax);
}

export function updateIncident(turn: Turn, incident: OpenIncident): void {
  setState(turn, { incidents: { ...turn.state.incidents, [incident.id]: incident } });
  const { tried: _tried, safeAtMs: _safeAtMs, ...shown } = incident;
  turn.effects.push({ kind: "incident", incident: shown });
}

/** New requests of this instance are answered elsewhere from now on: the incident's first such moment counts. */
export function markSafe(turn: Turn, instance: string): void {
  const id = turn.state.members[instance]?.incident;
  const incident = id ? turn.state.incidents[id] : undefined;
  if (!incident || incident.safeAtMs !== undefined) return;
  setState(turn, {
    incidents: { ...turn.state.incidents, [incident.id]: { ...incident, safeAtMs: turn.wallMs } },
  });
}

/** A person has stopped all automatic actions for a while; observing goes on. */
export const isPaused = ({ state, wallMs }: Turn): boolean =>
  state.durable.pausedUntil !== null && wallMs < state.durable.pausedUntil;
