import type { decide, fitnessOf, hold, judge, mayServe, startHealth, startHolder } from "@locum/coordination";
import type { NodeClock } from "./clock.ts";
import { type DecisionStore, newDecisionStore } from "./decision-store.ts";
import { createEventHeap, type EventHeap } from "./event-heap.ts";
import { checkExclusive, type Ledger, newLedger } from "./invariants.ts";
import { newModel, newRelease, newVolume, type Volume, type WorldRelease } from "./model.ts";
import { type Random, seededRandom } from "./random.ts";
import { newReplica, type Replica, startReplica } from "./replica.ts";
import { drawScenario, type Scenario, withTwoModels } from "./scenario.ts";
import { bootSidecar, type Instance } from "./sidecar.ts";

/** The code under test, untouched; a planted bug is a core of which one part is replaced. */
export type Core = {
  decide: typeof decide;
  hold: typeof hold;
  mayServe: typeof mayServe;
  startHolder: typeof startHolder;
  judge: typeof judge;
  fitnessOf: typeof fitnessOf;
  startHealth: typeof startHealth;
};

export type Stats = {
  inputs: number;
  promotions: number;
  restores: number;
  reloads: number;
  fences: number;
  diverts: number;
  terms: number;
  faults: number;
  deploys: number;
  orders: number;
};

export type World = {
  nowMs: number;
  heap: EventHeap;
  random: Random;
  scenario: Scenario;
  network: Scenario["network"];
  core: Core;
  store: DecisionStore;
  /** Until when a collector cannot reach the store. */
  storeLinks: Map<string, number>;
  releases: WorldRelease[];
  instances: Instance[];
  replicas: Replica[];
  ledger: Ledger;
  stats: Stats;
  /** No faults are started, and what they broke heals. */
  calm: boolean;
  healedAtMs: number;
  /** Instances whose node is gone while the rest heals, until a person brings them back. */
  lost: Set<string>;
  corruptions: number;
  ownActs: number;
  events: number;
  second: number;
  eventsBefore: number;
  /** A fingerprint of everything that happened: the same seed gives the same. */
  hash: number;
  say: ((who: string, what: string) => void) | null;
};

export type WorldOptions = {
  seed: number;
  long: boolean;
  core: Core;
  /** Changes what the seed drew, so that a world is about one thing. */
  focus: (drawn: Scenario) => Scenario;
  say: World["say"];
};

/** So many worlds have one of servers with several models. */
const severalEvery = 4;

export function createWorld({ seed, long, core, focus, say }: WorldOptions): World {
  const random = seededRandom(seed);
  const drawn = drawScenario(random, { long });
  // By the seed itself, so that the other worlds stay as they were drawn.
  const scenario = focus(seed % severalEvery === 0 ? withTwoModels(drawn) : drawn);
  const first = newRelease(1, scenario.goldensPerRelease, false);
  const world: World = {
    nowMs: 0,
    heap: createEventHeap(),
    random,
    scenario,
    network: scenario.network,
    core,
    store: newDecisionStore(drawClock(random, scenario)),
    storeLinks: new Map(),
    releases: [first],
    instances: [],
    replicas: [],
    ledger: newLedger(),
    stats: {
      inputs: 0,
      promotions: 0,
      restores: 0,
      reloads: 0,
      fences: 0,
      diverts: 0,
      terms: 0,
      faults: 0,
      deploys: 0,
      orders: 0,
    },
    calm: false,
    healedAtMs: Number.NEGATIVE_INFINITY,
    lost: new Set(),
    corruptions: 0,
    ownActs: 0,
    events: 0,
    second: 0,
    eventsBefore: 0,
    hash: seed | 0,
    say,
  };
  for (let index = 0; index < scenario.replicas; index++)
    world.replicas.push(newReplica(index, drawClock(random, scenario)));
  const volumes = new Map<string, Volume>();
  for (const { id, role, volume: name } of scenario.plan.instances) {
    const volume = volumes.get(name) ?? newVolume(first);
    volumes.set(name, volume);
    const instance: Instance = { id, volume, model: newModel(first), sidecars: [], boots: 0, approved: 1 };
    world.instances.push(instance);
    bootSidecar(world, instance, { term: 0, epoch: 0, role }, drawClock(random, scenario));
  }
  for (const replica of world.replicas) startReplica(world, replica);
  return world;
}

export const drawClock = (random: Random, { drift }: Scenario): NodeClock => ({
  rate: 1 + random.between(-drift, drift),
  startMs: random.between(1000, 1e7),
  suspendedMs: 0,
  offsetMs: random.between(-500, 500),
});

/** A rule that answers itself floods the world: such a seed must end, and say so. */
const eventsPerSecondMax = 50_000;

function watchFlood(world: World): void {
  const second = Math.floor(world.nowMs / 1000);
  if (second !== world.second) {
    world.second = second;
    world.eventsBefore = world.events;
  } else if (world.events - world.eventsBefore > eventsPerSecondMax)
    throw new Error(
      `more than ${eventsPerSecondMax} events in one second: something repeats itself without an end`,
    );
}

/** Lets the world happen until then. After every event the invariants are looked at. */
export function runUntil(world: World, untilMs: number): void {
  const { heap, ledger } = world;
  const { violations } = ledger;
  for (let nextMs = heap.nextMs(); nextMs <= untilMs && violations.length === 0; nextMs = heap.nextMs()) {
    world.nowMs = nextMs;
    heap.pop()?.();
    world.events += 1;
    watchFlood(world);
    world.hash = (Math.imul(world.hash ^ ((world.nowMs * 1024) | 0), 0x01000193) + world.stats.inputs) | 0;
    checkExclusive(world);
  }
  world.nowMs = untilMs;
}
