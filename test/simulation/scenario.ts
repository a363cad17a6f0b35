import type { ServicePlan } from "@locum/coordination";
import type { Random } from "./random.ts";

export const faultKinds = [
  "model-crash",
  "model-hang",
  "memory-wrong",
  "bytes-wrong",
  "bytes-wrong-reloaded",
  "hardware-wrong",
  "not-finite",
  "sidecar-crash",
  "sidecar-pause",
  "sidecar-suspend",
  "sidecar-replaced",
  "twin-lost",
  "collector-crash",
  "collector-pause",
  "wall-step",
  "link-cut",
  "link-clogged",
  "everybody-cut",
  "split-brain",
  "store-away",
  "store-slow",
  "deploy",
  "deploy-torn",
  "deploy-broken",
  "order",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** Everything that a seed draws before its world begins: which faults there are, how often, and whose policies meet them. */
export type Scenario = {
  plan: ServicePlan;
  /** How often a collector ticks, and a sidecar looks at its clocks and at its model. */
  tickMs: number;
  watchMs: number;
  beatMs: number;
  /** One golden is asked in so many beats: a full round takes about as long as an idle service allows itself. */
  goldenBeats: 1 | 2;
  goldensPerRelease: number;
  /** Models of each server: they share its process and its files, and fail each by itself. */
  models: 1 | 2;
  /** Two replicas with a leadership lease, or one with a store that admits one process. */
  replicas: 1 | 2;
  leadMs: number;
  network: { delayMs: number; loss: number; duplication: number; reordering: number };
  /** Monotonic clocks run wrong by at most this part. */
  drift: number;
  faults: FaultKind[];
  faultEveryMs: number;
  /** A crash may come in the middle of a write. */
  tearing: number;
  canRestart: boolean;
  /** Something like a kubelet starts a model server again whose process is gone. */
  supervised: boolean;
  faultPhaseMs: number;
  healPhaseMs: number;
};

/**
 * Draws a world (swarm testing: Groce et al., ISSTA 2012: leaving kinds of faults out finds more than having all of
 * them always). A short run beats every 500 ms like a default service; a long one every 5 s, for the hours pass faster.
 */
export function drawScenario(random: Random, { long }: { long: boolean }): Scenario {
  const heartbeatMs = long ? 5000 : 500;
  const faults = faultKinds.filter(() => random.chance(0.35));
  const clean = random.chance(0.25);
  return {
    plan: drawPlan(random, heartbeatMs),
    tickMs: long ? 5000 : 250,
    watchMs: long ? 2500 : 250,
    beatMs: heartbeatMs,
    goldenBeats: long ? 2 : 1,
    goldensPerRelease: 2 + random.below(3),
    models: 1,
    replicas: random.chance(0.6) ? 2 : 1,
    leadMs: 6 * heartbeatMs,
    network: {
      delayMs: random.between(1, 40),
      loss: clean || random.chance(0.5) ? 0 : random.between(0, 0.02),
      duplication: random.chance(0.7) ? 0 : random.between(0, 0.1),
      reordering: random.chance(0.7) ? 0 : random.between(0, 0.2),
    },
    drift: random.chance(0.3) ? 0 : 0.05,
    faults: faults.length > 0 ? faults : ["model-crash"],
    faultEveryMs: heartbeatMs * Math.exp(random.between(Math.log(4), Math.log(60))),
    tearing: random.chance(0.5) ? 0 : random.between(0, 0.05),
    canRestart: random.chance(0.5),
    supervised: random.chance(0.7),
    faultPhaseMs: 200 * heartbeatMs,
    healPhaseMs: 160 * heartbeatMs,
  };
}

/** The same world with two models on each server, each with goldens enough to prove it. */
export const withTwoModels = (drawn: Scenario): Scenario => ({ ...drawn, models: 2, goldensPerRelease: 4 });

function drawPlan(random: Random, heartbeatMs: number): ServicePlan {
  const size = 2 + random.below(4);
  const exclusive = random.chance(0.5);
  const actives = exclusive ? 1 : 1 + random.below(size - 1);
  const shared = random.chance(0.15);
  return {
    service: "s",
    class: exclusive ? "exclusive" : "stateless",
    instances: Array.from({ length: size }, (_, index) => {
      const id = "abcde".charAt(index);
      return {
        id,
        role: index < actives ? ("active" as const) : ("standby" as const),
        volume: shared && index < 2 ? "shared" : id,
        domain: random.chance(0.5) ? id : "zone",
      };
    }),
    mode: random.chance(0.05) ? "dry-run" : "auto",
    failClosed: random.chance(0.2),
    onUnapproved: random.chance(0.3) ? "hold" : "restore",
    allWrong: random.pick(["serve", "refuse", "rollback"] as const) ?? "serve",
    heartbeatMs,
    leaseMs: 6 * heartbeatMs,
    prepareMs: 4 * heartbeatMs,
    fitnessMaxAgeMs: 60 * heartbeatMs,
    settleMs: 2000,
    actionsMax: 1 + random.below(4),
    actionsWindowMs: 60 * heartbeatMs,
    failback: random.chance(0.3) ? "auto" : "manual",
    failbackAfterMs: 40 * heartbeatMs,
  };
}
