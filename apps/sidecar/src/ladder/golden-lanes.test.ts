import { type Health, judge, startHealth } from "@locum/coordination";
import { describe, expect, it } from "vitest";
import { lanesOf } from "./golden-lanes.ts";

const release = `sha256:${"1".repeat(64)}`;
const policy = { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 };
const sets = { x: ["x1", "x2"], y: ["y1", "y2"], z: ["z1", "z2"] };

function see(health: Health, ids: readonly string[], pass: boolean): Health {
  return ids.reduce((before, golden) => {
    const judged = pass ? { passes: [release], fails: [] } : { passes: [], fails: [release] };
    const probe = { kind: "golden", atMs: 10, golden, model: golden.charAt(0), outcome: "answered" } as const;
    return judge(before, { ...probe, ...judged, deltaMax: 0, latencyMs: 1, detail: "" }, policy).health;
  }, health);
}
const all = Object.values(sets).flat();
const approved = [{ digest: release, tree: null, goldens: all, models: sets }];
const known = judge(startHealth(0), { kind: "releases", atMs: 0, approved }, policy).health;
const proven = see(known, all, true);
const lanes = (health: Health) =>
  Object.fromEntries(lanesOf(health).map(({ name, ids }) => [name, [...ids].sort()]));

describe("who is asked at which pace", () => {
  it("one lane until anything is known, and for a server that has failed", () => {
    expect(lanes(known)).toEqual({ "": all });
    const gone = { kind: "process", atMs: 20, alive: false, again: true, detail: "" } as const;
    expect(lanesOf(judge(proven, gone, policy).health)).toMatchObject([{ name: "", verdict: "failed" }]);
  });
  it("one lane where all are right", () => expect(lanes(proven)).toEqual({ healthy: all }));
  it("those that are right keep their pace beside one that failed and one that missed once", () => {
    const mixed = see(see(see(proven, sets.y, false), sets.y, false), ["z1"], false);
    expect(lanes(mixed)).toEqual({ healthy: sets.x, suspect: sets.z, failed: sets.y });
  });
});
