import type { Policy } from "@locum/contracts";
import { type Effect, type Input, type ServiceState, startService } from "@locum/coordination";
import type { NodeClock } from "./clock.ts";
import { monotonicMs, wallMs } from "./clock.ts";
import { callStore, lead, swap } from "./decision-store.ts";
import { decided, recorded, stored } from "./invariants.ts";
import { crash, later, newProcess, type Process } from "./process.ts";
import { serves } from "./sidecar.ts";
import { down, type Stream, sendAck, sendCommand, takePolicy, watchStreams } from "./stream.ts";
import type { World } from "./world.ts";

/** One collector process. It has a state only while it leads. */
export type Replica = {
  index: number;
  process: Process;
  state: ServiceState | null;
  term: number;
  /** On its own monotonic clock, counted from before it asked: it stops earlier than the store lets another one begin. */
  leadUntilMs: number;
  tickDueMs: number;
  streams: Stream[];
  policy: Policy | null;
  /** Audit events are on disk up to here; what follows from them waits. */
  laneMs: number;
};

export const newReplica = (index: number, clock: NodeClock): Replica => ({
  index,
  process: newProcess(`collector-${index}`, clock),
  state: null,
  term: 0,
  leadUntilMs: 0,
  tickDueMs: 0,
  streams: [],
  policy: null,
  laneMs: 0,
});

type Timeless<T> = T extends unknown ? Omit<T, "atMs" | "wallMs"> : never;

export function startReplica(world: World, replica: Replica): void {
  const { process } = replica;
  process.up = true;
  const campaign = (): void => {
    later(world, process, world.scenario.leadMs / 3, campaign);
    askForLead(world, replica);
  };
  campaign();
}

/** Alone, a store that admits one process never takes the lead away; with two, it ends unless it is renewed. */
function askForLead(world: World, replica: Replica): void {
  const { process } = replica;
  const askedMs = monotonicMs(process.clock, world.nowMs);
  const alone = world.replicas.length === 1;
  if (alone && replica.state && !replica.state.observeOnly) return;
  // A leader that was outrun steps down, and comes back with what is stored now.
  if (replica.state?.observeOnly) stepDown(world, replica);
  const renewed = replica.state ? replica.term : null;
  const name = `${process.name}/${process.life}`;
  callStore(
    world,
    process,
    () => {
      const term = lead(world, name, renewed, alone ? 0 : world.scenario.leadMs);
      return term === null
        ? null
        : { term, durable: world.store.durable, incidents: [...world.store.incidents.values()] };
    },
    (granted) => {
      if (!granted) return granted === null ? stepDown(world, replica) : undefined;
      // Answers come late: a grant is of no use once a later one was heard of, or it was given up.
      if (granted.term < replica.term || (granted.term === replica.term && !replica.state)) return;
      // 10 % less than the store's own count, for a clock of ours that runs slow by 5 %.
      replica.leadUntilMs = alone ? Number.POSITIVE_INFINITY : askedMs + 0.9 * world.scenario.leadMs;
      // A renewal that comes after it has stepped down renews nothing: its numbers must not start anew in one term.
      if (granted.term === replica.term) return;
      stepDown(world, replica);
      replica.term = granted.term;
      begin(world, replica, granted);
    },
  );
}

function begin(
  world: World,
  replica: Replica,
  { durable, incidents, term }: Pick<Extract<Input, { kind: "start" }>, "durable" | "incidents" | "term">,
): void {
  const { process } = replica;
  const state = startService(world.scenario.plan);
  replica.state = state;
  world.stats.terms += 1;
  world.say?.(process.name, `leads in term ${term}`);
  input(world, replica, { kind: "start", term, durable, incidents, leadUntilMs: replica.leadUntilMs });
  const { tickMs } = world.scenario;
  replica.tickDueMs = monotonicMs(process.clock, world.nowMs) + tickMs;
  const tick = (): void => {
    if (replica.term !== term || !replica.state) return;
    later(world, process, tickMs, tick);
    const now = monotonicMs(process.clock, world.nowMs);
    const lateMs = now - replica.tickDueMs;
    replica.tickDueMs = now + tickMs;
    const stalledMs = lateMs >= 50 ? lateMs : 0;
    watchStreams(world, replica, stalledMs);
    const silent = Object.values(replica.state.members).filter((member) => member.silent).length;
    const size = world.instances.length;
    const { leadUntilMs } = replica;
    input(world, replica, { kind: "tick", stalledMs, fleetSilent: silent, fleetSize: size, leadUntilMs });
    // Long after its time a leader that hears nothing from the store gives up. Until then the core alone knows better.
    if (replica.state && now > replica.leadUntilMs + 4 * world.scenario.leadMs) stepDown(world, replica);
  };
  later(world, process, tickMs, tick);
}

/** Stops deciding; its streams end, so that the sidecars look for the one that leads. */
function stepDown(world: World, replica: Replica): void {
  if (!replica.state) return;
  world.say?.(replica.process.name, `steps down from term ${replica.term}`);
  replica.state = null;
  replica.policy = null;
  endStreams(world, replica);
}

function endStreams(world: World, replica: Replica): void {
  const { streams } = replica;
  replica.streams = [];
  for (const stream of streams) {
    down(world, stream, () => stream.endedAtSidecar(world));
    stream.openAtReplica = false;
  }
}

export function stopReplica(world: World, replica: Replica): void {
  if (!replica.process.up) return;
  world.say?.(replica.process.name, "the process ends");
  replica.state = null;
  replica.policy = null;
  crash(replica.process);
  endStreams(world, replica);
  world.heap.push(world.nowMs + world.random.between(0.5, 10) * world.scenario.plan.heartbeatMs, () => {
    if (!replica.process.up) startReplica(world, replica);
  });
}

/** One input into the untouched core, and its effects performed in their order. */
export function input(world: World, replica: Replica, timeless: Timeless<Input>): void {
  const { process, state: before } = replica;
  if (!before) return;
  const given = {
    ...timeless,
    atMs: monotonicMs(process.clock, world.nowMs),
    wallMs: wallMs(process.clock, world.nowMs),
  } as Input;
  const { state, effects } = world.core.decide(before, given);
  replica.state = state;
  world.stats.inputs += 1;
  decided(world, replica, { state, effects, given });
  if (effects.length === 1 && effects[0]?.kind === "ack") return performAck(world, replica, effects[0]);
  performAll(world, replica, effects);
}

/** Acknowledgements wait for nothing; all else waits until what was recorded before it is on disk. */
function performAll(world: World, replica: Replica, effects: readonly Effect[]): void {
  const { process, term } = replica;
  const waiting: Effect[] = [];
  for (const effect of effects)
    if (effect.kind === "ack") performAck(world, replica, effect);
    else waiting.push(effect);
  if (waiting.length === 0) return;
  const now = monotonicMs(process.clock, world.nowMs);
  // A hair later than what went before: the lane keeps its order.
  replica.laneMs = Math.max(replica.laneMs + 0.01, now + world.random.between(0.5, 8));
  later(world, process, replica.laneMs - now, () => {
    for (const effect of waiting) perform(world, replica, term, effect);
  });
}

function performAck(
  world: World,
  replica: Replica,
  { instance, ...ack }: Extract<Effect, { kind: "ack" }>,
): void {
  const incarnation = replica.state?.members[instance]?.incarnation;
  for (const stream of replica.streams) if (stream.incarnation === incarnation) sendAck(world, stream, ack);
}

function perform(world: World, replica: Replica, term: number, effect: Effect): void {
  switch (effect.kind) {
    case "audit":
      return recorded(world, effect.event);
    case "store":
      return write(world, replica, term, effect);
    case "send":
      for (const stream of replica.streams)
        if (stream.incarnation === effect.command.incarnation) sendCommand(world, stream, effect.command);
      return;
    case "policy":
      replica.policy = effect.policy;
      for (const stream of replica.streams)
        down(world, stream, () => takePolicy(stream.sidecar, effect.policy));
      return;
    case "verify-path":
      return later(world, replica.process, 50, () => {
        const sidecar = world.instances.find(({ id }) => id === effect.instance)?.sidecars.at(-1);
        const ok = sidecar !== undefined && serves(world, sidecar) && sidecar.holder.epoch >= effect.epoch;
        input(world, replica, { kind: "path", promotion: effect.promotion, ok, detail: "" });
      });
    case "incident":
      // A record of an outrun leader would never be closed by its successor: the store refuses it by its term.
      if (term < world.store.term) return;
      if (effect.incident.closedAtMs === null) world.store.incidents.set(effect.incident.id, effect.incident);
      else world.store.incidents.delete(effect.incident.id);
      return;
    case "ack":
    case "notify":
    case "would":
  }
}

/** Asks until the store has said yes or no: only a refusal means that another one leads. */
function write(
  world: World,
  replica: Replica,
  term: number,
  effect: Extract<Effect, { kind: "store" }>,
): void {
  const { durable } = effect;
  callStore(
    world,
    replica.process,
    () => {
      const ok = swap(world.store, durable);
      if (ok) stored(world, durable);
      return { ok };
    },
    (answer) => {
      if (replica.term !== term || !replica.state) return;
      if (!answer) return write(world, replica, term, effect);
      input(world, replica, { kind: "stored", version: durable.version, ok: answer.ok, found: null });
    },
  );
}
