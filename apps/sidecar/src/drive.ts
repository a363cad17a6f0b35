import type { Command, CommandResult, Policy } from "@locum/contracts";
import {
  type Ask,
  type Fitness,
  fitnessOf,
  type Health,
  type Holder,
  type HolderEffect,
  type HolderInput,
  hold,
  type JudgePolicy,
  judge,
  mayServe,
  startHealth,
} from "@locum/coordination";
import type { Divert } from "./divert.ts";
import { divertNow } from "./divert-now.ts";
import type { Finding } from "./ladder/rung.ts";

/** What happened. Handlers of events only put it; all conclusions are drawn in the loop. */
export type DriveInput =
  | { kind: "finding"; finding: Finding }
  | { kind: "command"; command: Command }
  | { kind: "acted"; command: Command; result: CommandResult }
  | { kind: "ack"; sentMs: number; term: number; epoch: number; leaseMs: number | null; mayEject: boolean }
  | { kind: "heard" }
  | { kind: "linked"; open: boolean }
  | { kind: "policy"; policy: Policy }
  /** `models`: only these; the whole instance if absent. */
  | { kind: "drain"; by: string; on: boolean; models?: readonly string[] | undefined }
  /** Something that the sidecar reports has changed elsewhere (files, twins, peers). */
  | { kind: "look" };

export type DriveState = {
  health: Health;
  holder: Holder;
  policy: Policy | null;
  permit: { mayEject: boolean; atMs: number } | null;
  linked: boolean;
  /** When the collector was last heard of. */
  heardAtMs: number;
  /** Who asked for traffic to go elsewhere, a person or an act of repair, and of which models; null for all. */
  drains: ReadonlyMap<string, readonly string[] | null>;
  divert: Divert;
  /** The same of each model, where there are several. */
  modelDiverts: Readonly<Record<string, Divert>>;
  /** End of this process' own last stall: no wait that began before it counts. */
  stallEndMs: number;
};

export type DrivePorts = {
  clock: { monotonicMs(): number; wallMs(): number };
  /** From when on silence of the collector is counted. */
  heardAtMs: number;
  stalledMs: () => number;
  judgePolicy: JudgePolicy;
  /** A permit is as old as the ack that brought it; beyond this it is no permit. */
  permitMaxAgeMs: number;
  /** failover.mode: dry-run. */
  dryRun: boolean;
  /** Nothing stands in the path that could part one model's requests from the others'. */
  drainsWhole: boolean;
  /** Another instance is fit for everything. */
  peerFit: () => boolean;
  onAsk: (ask: Ask) => void;
  onHolder: (effect: HolderEffect) => void;
  /** A probe was dropped, because we slept while it ran: it should be asked again. */
  onDropped: (finding: Finding) => void;
  onTurn: (before: DriveState, after: DriveState) => void;
  onDefect: (error: unknown) => void;
};

export type Drive = {
  put(input: DriveInput): void;
  state(): DriveState;
  fitness(): Fitness;
  mayServe(): boolean;
  /** Resolves when the condition holds after a turn, or with false when the time is over. */
  until(holds: () => boolean, withinMs: number): Promise<boolean>;
  /** One turn now. Called at every tick, since leases end and proofs age without an event. */
  turn(): void;
};

/** A stall shorter than this moves no deadline that matters. */
const stallMinMs = 150;
const queueMax = 10_000;

/** The one loop that owns what is known of the own instance, and what follows from it. */
export function createDrive(holder: Holder, ports: DrivePorts): Drive {
  const { clock } = ports;
  const queue: DriveInput[] = [];
  const waiters = new Set<() => void>();
  let state = startState(holder, clock.monotonicMs(), ports.heardAtMs);
  let scheduled = false;
  let turning = false;

  const turn = (): void => {
    if (turning) return;
    turning = true;
    scheduled = false;
    const before = state;
    try {
      state = creditStall(state, ports);
      advance({ kind: "tick" });
      for (let input = queue.shift(); input; input = queue.shift()) take(input);
      state = { ...state, ...divertNow(state, ports) };
      ports.onTurn(before, state);
    } catch (error) {
      ports.onDefect(error);
    } finally {
      turning = false;
    }
    for (const wake of [...waiters]) wake();
    if (queue.length > 0) schedule();
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };
  const advance = (input: Untimed<HolderInput>): void => {
    const timed = { ...input, atMs: clock.monotonicMs(), wallMs: clock.wallMs() } as HolderInput;
    const step = hold(state.holder, timed);
    state = { ...state, holder: step.holder };
    for (const effect of step.effects) ports.onHolder(effect);
  };
  const see = (finding: Finding): void => {
    const { probe, startedMs, timeout } = finding;
    if (timeout && startedMs < state.stallEndMs) return ports.onDropped(finding);
    const { health, asks } = judge(state.health, probe, ports.judgePolicy);
    state = { ...state, health };
    for (const ask of asks) ports.onAsk(ask);
  };
  const takers: { [K in DriveInput["kind"]]: (input: Extract<DriveInput, { kind: K }>) => void } = {
    finding: ({ finding }) => see(finding),
    command: (input) => advance(input),
    acted: (input) => advance(input),
    ack({ mayEject, ...ack }) {
      const atMs = clock.monotonicMs();
      state = { ...state, heardAtMs: atMs, permit: { mayEject, atMs } };
      advance(ack);
    },
    heard: () => {
      state = { ...state, heardAtMs: clock.monotonicMs() };
    },
    linked: ({ open }) => {
      state = { ...state, linked: open };
    },
    policy: ({ policy }) => {
      state = { ...state, policy };
    },
    drain: ({ by, on, models = null }) => {
      const drains = new Map(state.drains);
      if (on) drains.set(by, models);
      else drains.delete(by);
      state = { ...state, drains };
    },
    look: () => {},
  };
  const take = (input: DriveInput): void => (takers[input.kind] as (input: DriveInput) => void)(input);

  return {
    put(input) {
      // Only a loop that never gets its turn fills this: what comes then is asked or sent again later.
      if (queue.length < queueMax) queue.push(input);
      schedule();
    },
    state: () => state,
    fitness: () => fitnessOf(state.health, clock.monotonicMs(), ports.judgePolicy),
    mayServe: () => mayServe(state.holder, clock.monotonicMs(), clock.wallMs()),
    until: (holds, withinMs) => waitUntil(waiters, holds, withinMs),
    turn,
  };
}

type Untimed<T> = T extends unknown ? Omit<T, "atMs" | "wallMs"> : never;

const startState = (holder: Holder, atMs: number, heardAtMs: number): DriveState => ({
  health: startHealth(atMs),
  holder,
  policy: null,
  permit: null,
  linked: false,
  heardAtMs,
  drains: new Map(),
  divert: { diverted: false, why: "started" },
  modelDiverts: {},
  stallEndMs: Number.NEGATIVE_INFINITY,
});

/** After a stall timers fire before the answers that wait in the sockets are read: nobody was late because we slept. */
function creditStall(state: DriveState, { stalledMs, clock }: DrivePorts): DriveState {
  const sleptMs = stalledMs();
  if (sleptMs < stallMinMs) return state;
  const { permit, heardAtMs } = state;
  return {
    ...state,
    stallEndMs: clock.monotonicMs(),
    heardAtMs: heardAtMs + sleptMs,
    permit: permit && { ...permit, atMs: permit.atMs + sleptMs },
  };
}

function waitUntil(waiters: Set<() => void>, holds: () => boolean, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (held: boolean) => {
      clearTimeout(timer);
      waiters.delete(look);
      resolve(held);
    };
    const look = () => {
      if (holds()) finish(true);
    };
    const timer = setTimeout(() => finish(holds()), withinMs);
    waiters.add(look);
    look();
  });
}
