import type { Golden } from "@locum/contracts";
import { type Health, judge, startHealth } from "@locum/coordination";
import type { InferAnswer, ModelServer } from "@locum/serving";
import { describe, expect, it } from "vitest";
import { askGolden } from "./ask-golden.ts";
import { isCacheDoubted } from "./cache-doubt.ts";

const r1 = `sha256:${"1".repeat(64)}`;
const r2 = `sha256:${"2".repeat(64)}`;
const golden = (value: number): Golden => ({
  id: "g",
  model: "m",
  request: {},
  expected: [{ name: "y", datatype: "FP32", shape: [1], data: [value], tolerance: { abs: 1e-4, rel: 1e-4 } }],
});
const says = (value: number, cached: InferAnswer["cached"] = false): InferAnswer => ({
  outputs: [{ name: "y", datatype: "FP32", shape: [1], data: [value] }],
  latencyMs: 1,
  cached,
});

/** A model behind a cache: what it computes, and what a client gets. */
async function ask(model: InferAnswer | Error, cache: InferAnswer | Error, bothWays = true) {
  const asked: (boolean | undefined)[] = [];
  const server = {
    async infer(_model: string, _request: unknown, { salted }: { salted?: boolean }) {
      asked.push(salted);
      const answer = salted === false ? cache : model;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  } as unknown as ModelServer;
  const expectations = [
    { release: r1, golden: golden(1) },
    { release: r2, golden: golden(2) },
  ] as const;
  const { outcome, passes, fails, detail } = await askGolden({
    server,
    expectations: [...expectations],
    timeoutMs: 1000,
    clock: { monotonicMs: () => 0 },
    isListening: async () => true,
    newer: async () => expectations,
    bothWays,
  });
  return { asked, outcome, passes, fails, detail };
}

describe("a golden after a reload", () => {
  it("passes where the model and what a client gets agree, also out of a cache", async () => {
    expect(await ask(says(2), says(2, true))).toMatchObject({
      asked: [undefined, false],
      outcome: "answered",
      passes: [r2],
      fails: [r1],
    });
  });
  it("fails where a client still gets the answer of the release from before", async () => {
    expect(await ask(says(2), says(1, true))).toMatchObject({
      outcome: "answered",
      passes: [],
      fails: [r1, r2],
      detail: expect.stringContaining("a cache answers"),
    });
  });
  it("fails where a client gets what no release expects", async () => {
    const { passes, fails } = await ask(says(2), says(9));
    expect(passes).toEqual([]);
    expect(fails.toSorted()).toEqual([r1, r2]);
  });
  it("a client's question that is refused takes nothing away", async () => {
    expect(await ask(says(2), new Error("no id"))).toMatchObject({ outcome: "answered", passes: [r2] });
  });
  it("a wrong model is wrong, and no cache is asked whether it is right", async () => {
    expect(await ask(says(9), says(2))).toMatchObject({ asked: [undefined], passes: [] });
  });
  it("an answer out of a cache proves nothing of the model", async () => {
    expect(await ask(says(2, true), says(2))).toMatchObject({ asked: [undefined], outcome: "cached" });
  });
});

it("any other golden is asked once", async () => {
  expect((await ask(says(2), says(1), false)).asked).toEqual([undefined]);
});

it("caches are doubted from a maintenance on, until the golden has passed", () => {
  const policy = { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 };
  const approved = [{ digest: r1, tree: null, goldens: ["g", "h"] }];
  const answer = {
    kind: "golden" as const,
    model: "m",
    outcome: "answered" as const,
    deltaMax: 0,
    latencyMs: 1,
  };
  const pass = { ...answer, atMs: 30, golden: "g", passes: [r1], fails: [], detail: "" };
  const see = (health: Health, probe: Parameters<typeof judge>[1]) => judge(health, probe, policy).health;
  const start = see(startHealth(0), { kind: "releases", atMs: 1, approved });
  expect(isCacheDoubted(start, "g")).toBe(false);
  const reloaded = see(start, { kind: "maintenance", atMs: 10, untilMs: 20, reason: "reload" });
  expect(isCacheDoubted(reloaded, "g")).toBe(true);
  const passed = see(reloaded, pass);
  expect([isCacheDoubted(passed, "g"), isCacheDoubted(passed, "h")]).toEqual([false, true]);
  const missed = see(passed, { ...pass, atMs: 40, passes: [], fails: [r1] });
  expect(isCacheDoubted(missed, "g")).toBe(true);
});
