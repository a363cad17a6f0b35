import type { Verdict } from "@locum/contracts";
import { type Health, judge, startHealth, startHolder } from "@locum/coordination";
import { describe, expect, it } from "vitest";
import { divertNow, isDrained } from "./divert-now.ts";
import type { DriveState } from "./drive.ts";

const release = `sha256:${"1".repeat(64)}`;
const policy = { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 };
const failed = (hard: boolean): Verdict => ({
  kind: "failed",
  failure: "wrong-output",
  hard,
  evidence: [{ rung: "golden", atMs: 1, detail: "2 goldens" }],
});
const healthy: Verdict = { kind: "healthy", evidence: [] };

/** A server with the models x and y, judged so. */
function healthOf(x: Verdict, y: Verdict): Health {
  const approved = [{ digest: release, tree: null, goldens: ["1", "2"], models: { x: ["1"], y: ["2"] } }];
  const { health } = judge(startHealth(0), { kind: "releases", atMs: 0, approved }, policy);
  const as = (verdict: Verdict, name: string) => {
    const part = health.models[name];
    if (!part) throw new Error(name);
    return { ...part, verdict, goldens: { ...part.goldens, current: release } };
  };
  return { ...health, verdict: healthy, models: { x: as(x, "x"), y: as(y, "y") } };
}

const state = (health: Health, patch: Partial<DriveState> = {}): DriveState => ({
  health,
  holder: startHolder({
    class: "stateless",
    incarnation: "i",
    term: 0,
    epoch: 0,
    role: "active",
    atMs: 0,
    wallMs: 0,
  }),
  policy: null,
  permit: null,
  linked: false,
  heardAtMs: 0,
  drains: new Map(),
  divert: { diverted: false, why: "" },
  modelDiverts: {},
  stallEndMs: 0,
  ...patch,
});
const ports = {
  clock: { monotonicMs: () => 1000, wallMs: () => 1000 },
  permitMaxAgeMs: 3000,
  dryRun: false,
  drainsWhole: false,
  peerFit: () => false,
};
const frozen = { number: 1, frozen: [], allWrong: "serve", paused: false, peers: [] } as const;

type Case = [string, DriveState, Partial<typeof ports>, [whole: boolean, x: boolean, y: boolean]];
describe("where new requests go", () => {
  const one = healthOf(healthy, failed(true));
  const soft = healthOf(healthy, failed(false));
  const told = { ...frozen, frozen: [], peers: [] };
  it.each<Case>([
    ["all right", state(healthOf(healthy, healthy)), {}, [false, false, false]],
    ["one wrong model alone", state(one), {}, [false, false, true]],
    ["a soft verdict without a permit", state(soft), {}, [false, false, false]],
    [
      "a soft verdict with one",
      state(soft, { permit: { mayEject: true, atMs: 900 } }),
      {},
      [false, false, true],
    ],
    [
      "a permit that was used stays used",
      state(soft, { modelDiverts: { y: { diverted: true, why: "" } } }),
      {},
      [false, false, true],
    ],
    ["a dry run", state(one), { dryRun: true }, [false, false, false]],
    [
      "a model that is wrong everywhere",
      state(one, { policy: { ...told, frozenModels: { [release]: ["y"] } } }),
      {},
      [false, false, false],
    ],
    [
      "another model that is wrong everywhere",
      state(one, { policy: { ...told, frozenModels: { [release]: ["x"] } } }),
      {},
      [false, false, true],
    ],
    ["a repair of one model", state(one, { drains: new Map([["reload", ["x"]]]) }), {}, [false, true, true]],
    ["a drain of all", state(one, { drains: new Map([["command", null]]) }), {}, [true, true, true]],
    ["a watcher beside nobody fit", state(one), { drainsWhole: true }, [false, false, true]],
    [
      "a watcher beside somebody fit",
      state(one),
      { drainsWhole: true, peerFit: () => true },
      [true, false, true],
    ],
  ])("%s", (_name, given, change, [whole, x, y]) => {
    const { divert, modelDiverts } = divertNow(given, { ...ports, ...change });
    expect([divert.diverted, modelDiverts.x?.diverted, modelDiverts.y?.diverted]).toEqual([whole, x, y]);
  });

  it("says why a watcher stays, and which model it is", () => {
    const { divert } = divertNow(state(one), { ...ports, drainsWhole: true });
    expect(divert.why).toMatch(/no other instance is fit for every model.*y: wrong-output/);
  });

  it("is the same object while it says the same", () => {
    const first = divertNow(state(one), ports);
    const again = divertNow(state(one, first), ports);
    expect([again.divert, again.modelDiverts]).toEqual([first.divert, first.modelDiverts]);
    expect(again.modelDiverts).toBe(first.modelDiverts);
  });
});

describe("who is drained", () => {
  it.each([
    [new Map<string, string[] | null>(), [false, false]],
    [new Map([["a", null]]), [true, true]],
    [new Map([["a", ["x"]]]), [false, true]],
    [new Map([["a", ["y"]]]), [false, false]],
  ])("by %j", (drains, expected) => {
    expect([isDrained({ drains }), isDrained({ drains }, "x")]).toEqual(expected);
  });
});
