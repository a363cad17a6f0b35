import { describe, expect, it } from "vitest";
import { type PacePolicy, type PaceView, paceOf } from "./golden-pace.ts";

const policy: PacePolicy = {
  underTrafficMs: 1000,
  idleRoundMs: 30_000,
  capacityShareMax: 0.01,
  fitnessMaxAgeMs: 60_000,
};
const view: PaceView = {
  count: 10,
  traffic: false,
  verdict: "healthy",
  suspicion: false,
  yields: false,
  failedRounds: 0,
  capacityPerSecond: 0,
  goldenMs: 2,
};
const pace = (change: Partial<PaceView>, rules: Partial<PacePolicy> = {}) => {
  const { kind, everyMs } = paceOf({ ...view, ...change }, { ...policy, ...rules });
  return `${kind} ${Math.round(everyMs)}`;
};

describe("how often goldens are asked", () => {
  it.each<[string, Partial<PaceView>, Partial<PacePolicy>, string]>([
    ["idle: a round within the idle time", {}, {}, "single 3000"],
    ["idle: a round within half the fitness age", {}, { fitnessMaxAgeMs: 40_000 }, "single 2000"],
    [
      "beside a stream that it would cut: no later than a round",
      { traffic: true, yields: true },
      {},
      "single 30000",
    ],
    [
      "whatever passes, suspicion goes first",
      { traffic: true, yields: true, suspicion: true },
      {},
      "round 250",
    ],
    ["under traffic: one a second", { traffic: true }, {}, "single 1000"],
    [
      "a measured capacity of 20 a second allows one in five seconds",
      { traffic: true, capacityPerSecond: 20, goldenMs: 100, count: 4 },
      {},
      "single 5000",
    ],
    [
      "but not so rarely that the proof would end",
      { traffic: true, capacityPerSecond: 20, goldenMs: 100 },
      {},
      "single 3000",
    ],
    ["a large set is asked as fast as its proof needs", { traffic: true, count: 100 }, {}, "single 300"],
    ["suspicion: whole rounds, a quick model four times a second", { suspicion: true }, {}, "round 250"],
    ["suspicion: a slow model once a second", { suspicion: true, goldenMs: 50 }, {}, "round 1000"],
    ["not proven yet: whole rounds", { verdict: "unknown" }, {}, "round 250"],
    ["failed: at once", { verdict: "failed" }, {}, "round 300"],
    ["failed for long: every two seconds", { verdict: "failed", failedRounds: 9 }, {}, "round 2000"],
    ["a paid route: what a day allows", { traffic: true }, { costPerDayMax: 864 }, "single 100000"],
    [
      "a paid route: rounds cost as many as they are",
      { verdict: "failed" },
      { costPerDayMax: 8640 },
      "round 100000",
    ],
  ])("%s", (_name, change, rules, expected) => {
    expect(pace(change, rules)).toBe(expected);
  });
});
