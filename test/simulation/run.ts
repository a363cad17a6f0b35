import { decide, fitnessOf, hold, judge, mayServe, startHealth, startHolder } from "@locum/coordination";
import { startFaults } from "./faults.ts";
import { heal } from "./healing.ts";
import type { Violation } from "./invariants.ts";
import type { Scenario } from "./scenario.ts";
import { type Core, createWorld, runUntil, type Stats } from "./world.ts";

/** The core as it is delivered. */
export const deliveredCore: Core = { decide, hold, mayServe, startHolder, judge, fitnessOf, startHealth };

export type Outcome = {
  seed: number;
  hours: number;
  violations: Violation[];
  events: number;
  hash: number;
  stats: Stats;
  scenario: Scenario;
  /** The core threw: an invariant of its own broke. */
  crash: unknown;
};

/** Above this span a run beats every 5 s instead of every 500 ms. */
export const longHours = 0.2;

/**
 * One seeded world for so many hours of its time: faults for a while, then healing, and again. It stops at the first
 * violation, so that the trace ends where it broke.
 */
export function simulate({
  seed,
  hours,
  core = deliveredCore,
  focus = (drawn) => drawn,
  say = null,
}: {
  seed: number;
  hours: number;
  core?: Core;
  focus?: (drawn: Scenario) => Scenario;
  say?: ((atMs: number, who: string, what: string) => void) | null;
}): Outcome {
  const world = createWorld({ seed, long: hours > longHours, core, focus, say: null });
  world.say = say && ((who, what) => say(world.nowMs, who, what));
  const { scenario, ledger } = world;
  const endMs = hours * 3_600_000;
  let crash: unknown = null;
  try {
    startFaults(world);
    while (world.nowMs < endMs && ledger.violations.length === 0) {
      runUntil(world, world.nowMs + scenario.faultPhaseMs);
      if (ledger.violations.length === 0) heal(world);
      world.network = scenario.network;
    }
  } catch (error) {
    crash = error;
  }
  const { violations } = ledger;
  return {
    seed,
    hours: world.nowMs / 3_600_000,
    violations,
    events: world.events,
    hash: world.hash,
    stats: world.stats,
    scenario,
    crash,
  };
}
