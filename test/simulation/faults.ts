import type { Order } from "@locum/coordination";
import { wallMs } from "./clock.ts";
import { deploy } from "./deploys.ts";
import { corruptTree, load, namesOf, spoil } from "./model.ts";
import type { Link } from "./network.ts";
import { later, pause } from "./process.ts";
import { input, stopReplica } from "./replica.ts";
import type { FaultKind } from "./scenario.ts";
import { bootSidecar, type Instance, stopSidecar } from "./sidecar.ts";
import { drawClock, type World } from "./world.ts";

/** Faults come as a Poisson process, each of a kind that this seed has. */
export function startFaults(world: World): void {
  const { scenario, random } = world;
  const next = (): void => {
    world.heap.push(world.nowMs + random.wait(scenario.faultEveryMs), next);
    if (world.calm) return;
    const kind = random.pick(scenario.faults);
    if (!kind) return;
    world.stats.faults += 1;
    world.say?.("FAULT", kind);
    faults[kind](world);
  };
  next();
}

export const beats = (world: World, low: number, high: number): number =>
  world.random.between(low, high) * world.scenario.plan.heartbeatMs;

/** Something of an instance is about to be wrong: what is judged of it from now on has a cause. */
function trouble(world: World, act: (instance: Instance) => void): void {
  const instance = world.random.pick(world.instances);
  if (!instance) return;
  world.say?.("FAULT", `at ${instance.id}`);
  for (const { volume, model } of world.instances)
    if (volume === instance.volume) model.troubledAtMs = world.nowMs;
  act(instance);
}

const faults: Record<FaultKind, (world: World) => void> = {
  "model-crash": (world) => trouble(world, (instance) => crashModel(world, instance)),
  "model-hang": (world) =>
    trouble(world, ({ model }) => {
      model.hungSinceMs ??= world.nowMs;
      if (world.random.chance(0.5))
        world.heap.push(world.nowMs + beats(world, 1, 30), () => {
          model.hungSinceMs = null;
          model.troubledAtMs = world.nowMs;
        });
    }),
  "memory-wrong": (world) =>
    trouble(world, ({ model }) => {
      spoil(model, "wrong", oneOf(world));
    }),
  "not-finite": (world) =>
    trouble(world, ({ model }) => {
      spoil(model, "not-finite", oneOf(world));
    }),
  "hardware-wrong": (world) =>
    trouble(world, ({ model }) => {
      model.hardwareBad = true;
    }),
  "bytes-wrong": (world) => trouble(world, (instance) => corrupt(world, instance)),
  "bytes-wrong-reloaded": (world) =>
    trouble(world, (instance) => {
      corrupt(world, instance);
      const name = oneOf(world);
      if (instance.model.up) load(world, instance.model, instance.volume, name === null ? undefined : [name]);
    }),
  "twin-lost": (world) => {
    const instance = world.random.pick(world.instances);
    if (instance) instance.volume.twins = [];
  },
  "sidecar-crash": (world) =>
    trouble(world, (instance) => forCurrent(instance, (one) => stopSidecar(world, one))),
  "sidecar-pause": (world) =>
    trouble(world, (instance) =>
      forCurrent(instance, ({ process }) => pause(world, process, beats(world, 0.5, 20))),
    ),
  "sidecar-suspend": (world) =>
    trouble(world, (instance) =>
      forCurrent(instance, ({ process }) => pause(world, process, Math.max(400, beats(world, 1, 30)), true)),
    ),
  "sidecar-replaced": (world) => trouble(world, (instance) => replace(world, instance)),
  "collector-crash": (world) => {
    const replica = world.random.pick(world.replicas);
    if (replica) stopReplica(world, replica);
  },
  "collector-pause": (world) => {
    const replica = world.random.pick(world.replicas);
    if (replica) pause(world, replica.process, beats(world, 0.5, 20));
  },
  "wall-step": (world) => {
    const everybody = [...world.replicas, ...world.instances.flatMap(({ sidecars }) => sidecars)];
    const node = world.random.pick(everybody);
    // A step back at the moment of a suspension would hide it: no clock of that machine could tell.
    const forwards =
      world.scenario.faults.includes("sidecar-suspend") && node !== undefined && "disk" in node;
    const stepMs = beats(world, 1, world.random.chance(0.2) ? 10_000 : 20);
    if (node) node.process.clock.offsetMs += forwards || world.random.chance(0.5) ? stepMs : -stepMs;
  },
  "link-cut": (world) => {
    const links = world.instances.flatMap(({ sidecars }) => sidecars.flatMap(({ links: each }) => each));
    const pair = world.random.pick(links);
    const untilMs = world.nowMs + beats(world, 1, 40);
    const direction = world.random.below(3);
    if (pair) cut(pair, untilMs, direction);
  },
  "link-clogged": (world) => {
    const links = world.instances.flatMap(({ sidecars }) => sidecars.flatMap(({ links: each }) => each));
    const pair = world.random.pick(links);
    const link = pair && (world.random.chance(0.5) ? pair.up : pair.down);
    if (link) link.cloggedUntilMs = world.nowMs + beats(world, 1, 20);
  },
  "everybody-cut": (world) => {
    const untilMs = world.nowMs + beats(world, 1, 40);
    const replica = world.random.pick(world.replicas);
    for (const { sidecars } of world.instances)
      for (const { links } of sidecars) {
        const pair = replica && links[replica.index];
        if (!pair) continue;
        cut(pair, untilMs);
      }
    const away = world.random.chance(0.3) ? replica : undefined;
    if (away) world.storeLinks.set(away.process.name, untilMs);
  },
  "split-brain": (world) => split(world),
  "store-away": (world) => {
    const untilMs = world.nowMs + beats(world, 0.5, 30);
    const replica = world.random.pick(world.replicas);
    if (replica && world.random.chance(0.5)) world.storeLinks.set(replica.process.name, untilMs);
    else world.store.awayUntilMs = untilMs;
  },
  "store-slow": (world) => {
    world.store.slowUntilMs = world.nowMs + beats(world, 1, 40);
  },
  deploy: (world) => deploy(world, { torn: false, broken: false }),
  "deploy-torn": (world) => deploy(world, { torn: true, broken: false }),
  "deploy-broken": (world) => deploy(world, { torn: false, broken: true }),
  order: (world) => order(world),
};

/** One model of several, more often than all of them. */
function oneOf(world: World): string | null {
  const names = namesOf(world);
  return names.length > 1 && world.random.chance(0.7) ? (world.random.pick(names) ?? null) : null;
}

/** Both directions, or one: 0 spares what the sidecar says, 1 what it hears. */
function cut({ up, down }: { up: Link; down: Link }, untilMs: number, direction = 2): void {
  if (direction !== 0) up.cutUntilMs = Math.max(up.cutUntilMs, untilMs);
  if (direction !== 1) down.cutUntilMs = Math.max(down.cutUntilMs, untilMs);
}

function forCurrent({ sidecars }: Instance, act: (sidecar: Instance["sidecars"][number]) => void): void {
  const current = sidecars.at(-1);
  if (current?.process.up) act(current);
}

function crashModel(world: World, { model, volume }: Instance): void {
  model.up = false;
  model.hungSinceMs = null;
  if (!world.scenario.supervised) return;
  world.heap.push(world.nowMs + beats(world, 2, 20), () => {
    if (model.up) return;
    model.up = true;
    load(world, model, volume);
  });
}

function corrupt(world: World, { volume }: Instance): void {
  volume.tree = corruptTree(world);
  volume.writtenAtMs = world.nowMs;
}

/** A pod is started anew elsewhere while the old one lives on, unseen: two incarnations of one identity. */
function replace(world: World, instance: Instance): void {
  const old = instance.sidecars.at(-1);
  if (!old || instance.sidecars.length > 2) return;
  const untilMs = world.nowMs + beats(world, 1, 30);
  if (world.random.chance(0.7)) for (const { up, down } of old.links) cut({ up, down }, untilMs);
  bootSidecar(world, instance, { ...old.disk }, drawClock(world.random, world.scenario));
  world.heap.push(untilMs + beats(world, 0, 20), () => retire(world, instance, old));
}

export function retire(world: World, instance: Instance, old: Instance["sidecars"][number]): void {
  instance.sidecars = instance.sidecars.filter((one) => one !== old);
  stopSidecar(world, old);
}

/** The leader loses the store and some of the sidecars, and goes on with the others: the classic of two leaders. */
function split(world: World): void {
  const leader = world.replicas.find(({ state }) => state !== null);
  const untilMs = world.nowMs + beats(world, 20, 70);
  if (!leader) return;
  world.storeLinks.set(leader.process.name, untilMs);
  for (const { sidecars } of world.instances)
    for (const { links } of world.random.chance(0.5) ? sidecars : []) {
      const pair = links[leader.index];
      if (pair) cut(pair, untilMs);
    }
}

function order(world: World): void {
  const leader = world.replicas.find(({ state }) => state !== null);
  const instance = world.random.pick(world.instances)?.id ?? "a";
  if (!leader) return;
  world.stats.orders += 1;
  const about = { id: `order-${world.stats.orders}`, by: "token:operator", reason: "drawn" };
  const untilWallMs = wallMs(leader.process.clock, world.nowMs) + beats(world, 1, 60);
  const drawn = world.random.pick<Order>([
    { ...about, kind: "promote", instance, force: world.random.chance(0.2) },
    { ...about, kind: "failback", instance },
    { ...about, kind: "restore", instance, release: null },
    { ...about, kind: "reload", instance },
    { ...about, kind: "restart", instance },
    { ...about, kind: "pause", untilWallMs },
    { ...about, kind: "resume" },
  ]);
  world.ledger.ordered.add(about.id);
  if (drawn) later(world, leader.process, 1, () => input(world, leader, { kind: "order", order: drawn }));
}
