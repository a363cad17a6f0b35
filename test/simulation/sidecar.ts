import type { Command, Policy, Report, Role } from "@locum/contracts";
import type { Health, Holder, HolderEffect, HolderInput } from "@locum/coordination";
import { perform } from "./acting.ts";
import { monotonicMs, type NodeClock, wallMs } from "./clock.ts";
import { sinkKeeps } from "./invariants.ts";
import type { Model, Volume } from "./model.ts";
import { type Link, newLink } from "./network.ts";
import { beat, learnReleases } from "./probing.ts";
import { crash, isRunning, later, newProcess, type Process } from "./process.ts";
import type { Stream } from "./stream.ts";
import { answerResult, reportNow, watchStream } from "./stream.ts";
import type { World } from "./world.ts";

/** What is left of a sidecar when its process is gone. */
export type Disk = { term: number; epoch: number; role: Role };

export type Sidecar = {
  process: Process;
  instance: Instance;
  incarnation: string;
  disk: Disk;
  holder: Holder;
  health: Health;
  /** Goldens asked and not answered yet. */
  asking: Set<string>;
  rotation: number;
  stream: Stream | null;
  links: { up: Link; down: Link }[];
  nextReplica: number;
  connectingSinceMs: number;
  seq: number;
  heardMs: number;
  reportedMs: number;
  /** In real time, for the checkers: its last report, and since when it says that it is wrong. */
  sentAtMs: number;
  wrongSinceMs: number | null;
  report: Report | null;
  policy: Policy | null;
  diverted: boolean;
  /** The end of the act at work; orders that come meanwhile wait. */
  busyWith: Command | null;
  waiting: Command[];
  aloneActedMs: number;
};

/** One identity: its files, its model server, and its sidecar; more than one where an old one lives on elsewhere. */
export type Instance = {
  id: string;
  volume: Volume;
  model: Model;
  sidecars: Sidecar[];
  boots: number;
  /** Releases whose approval has reached it. */
  approved: number;
};

export function bootSidecar(world: World, instance: Instance, disk: Disk, clock: NodeClock): Sidecar {
  instance.boots += 1;
  const incarnation = `${instance.id}#${instance.boots}`;
  const process = newProcess(incarnation, clock);
  const sidecar: Sidecar = {
    process,
    instance,
    incarnation,
    disk,
    ...inMemory(world, disk, process, incarnation),
    links: world.replicas.map(() => ({ up: newLink(), down: newLink() })),
  };
  instance.sidecars.push(sidecar);
  begin(world, sidecar);
  return sidecar;
}

/** The same disk, a new process: what was not persisted is gone. */
export function restartSidecar(world: World, sidecar: Sidecar): void {
  const { instance, disk, process } = sidecar;
  if (process.up || world.lost.has(instance.id)) return;
  instance.boots += 1;
  sidecar.incarnation = `${instance.id}#${instance.boots}`;
  process.up = true;
  Object.assign(sidecar, inMemory(world, disk, process, sidecar.incarnation));
  begin(world, sidecar);
}

function inMemory(world: World, disk: Disk, process: Process, incarnation: string) {
  const atMs = monotonicMs(process.clock, world.nowMs);
  const { plan } = world.scenario;
  const holder = world.core.startHolder({
    class: plan.class,
    incarnation,
    ...disk,
    atMs,
    wallMs: wallMs(process.clock, world.nowMs),
  });
  return {
    holder,
    health: world.core.startHealth(atMs),
    asking: new Set<string>(),
    rotation: 0,
    stream: null,
    nextReplica: world.random.below(world.replicas.length),
    connectingSinceMs: Number.NEGATIVE_INFINITY,
    seq: 0,
    heardMs: atMs,
    reportedMs: Number.NEGATIVE_INFINITY,
    sentAtMs: Number.NEGATIVE_INFINITY,
    wrongSinceMs: null,
    report: null,
    policy: null,
    diverted: false,
    busyWith: null,
    waiting: [],
    aloneActedMs: Number.NEGATIVE_INFINITY,
  };
}

function begin(world: World, sidecar: Sidecar): void {
  world.say?.(sidecar.incarnation, `boots as ${sidecar.holder.role}, epoch ${sidecar.holder.epoch}`);
  learnReleases(world, sidecar);
  const loop = (): void => {
    later(world, sidecar.process, world.scenario.beatMs, loop);
    beat(world, sidecar);
    watchStream(world, sidecar);
  };
  loop();
  // The fence must not wait for the next beat: its own timer looks at the lease and at the clocks.
  if (world.scenario.plan.class === "exclusive") {
    const watch = (): void => {
      later(world, sidecar.process, world.scenario.watchMs, watch);
      if (sidecar.holder.role === "active") give(world, sidecar, { kind: "tick" });
    };
    later(world, sidecar.process, world.scenario.watchMs, watch);
  }
}

type Timeless<T> = T extends unknown ? Omit<T, "atMs" | "wallMs"> : never;

/** One input into the untouched holder, and its effects performed in their order. */
export function give(world: World, sidecar: Sidecar, timeless: Timeless<HolderInput>): void {
  const { process } = sidecar;
  const input = {
    ...timeless,
    atMs: monotonicMs(process.clock, world.nowMs),
    wallMs: wallMs(process.clock, world.nowMs),
  } as HolderInput;
  const before = sidecar.holder;
  const { holder, effects } = world.core.hold(before, input);
  sidecar.holder = holder;
  if (before.role !== holder.role)
    world.say?.(sidecar.incarnation, `${before.role} -> ${holder.role}, epoch ${holder.epoch}`);
  const { life } = process;
  for (const effect of effects) {
    if (process.life !== life || !process.up) return;
    settle(world, sidecar, effect);
  }
  if (before.role !== holder.role && process.life === life) reportNow(world, sidecar);
}

function settle(world: World, sidecar: Sidecar, effect: HolderEffect): void {
  switch (effect.kind) {
    case "persist": {
      const torn = !world.calm && world.random.chance(world.scenario.tearing);
      const { term, epoch, role } = sidecar.holder;
      if (!torn || world.random.chance(0.5)) {
        sinkKeeps(world, sidecar, { term, epoch });
        sidecar.disk = { term, epoch, role };
      }
      if (torn) stopSidecar(world, sidecar);
      return;
    }
    case "perform":
      return perform(world, sidecar, effect.command);
    case "answer":
      return answerResult(world, sidecar, effect.result);
    case "fenced":
      world.stats.fences += 1;
  }
}

/** Ends the process; something like an init system starts it again. */
export function stopSidecar(world: World, sidecar: Sidecar): void {
  if (!sidecar.process.up) return;
  world.say?.(sidecar.incarnation, "the process ends");
  crash(sidecar.process);
  sidecar.stream?.endedAtSidecar(world);
  sidecar.instance.model.troubledAtMs = world.nowMs;
  if (sidecar.instance.sidecars.at(-1) !== sidecar) return;
  world.heap.push(world.nowMs + world.random.between(0.2, 8) * world.scenario.plan.heartbeatMs, () =>
    restartSidecar(world, sidecar),
  );
}

/** May it answer at this real instant: a process that stands still answers nobody. */
export function serves(world: World, { process, holder, diverted }: Sidecar): boolean {
  if (diverted || !isRunning(world, process)) return false;
  return world.core.mayServe(
    holder,
    monotonicMs(process.clock, world.nowMs),
    wallMs(process.clock, world.nowMs),
  );
}
