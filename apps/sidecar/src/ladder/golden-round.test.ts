import { beforeEach, describe, expect, it } from "vitest";
import { createGoldenRound, type GoldenRound } from "./golden-round.ts";

let nowMs: number;
let round: GoldenRound;
let asked: string[];
let told: string[];
let open: Map<string, () => void>;
const set = ["g1", "g2", "g3", "g4"];

/** Answers one question and lets the queue go on. */
const answer = async (id: string) => {
  open.get(id)?.();
  open.delete(id);
  await Promise.resolve();
  await Promise.resolve();
  await new Promise(setImmediate);
};

beforeEach(() => {
  nowMs = 0;
  asked = [];
  told = [];
  open = new Map();
  round = createGoldenRound({
    ids: () => set,
    clock: { monotonicMs: () => nowMs },
    perform: (id, isStale) =>
      new Promise((resolve) => {
        asked.push(id);
        open.set(id, () => {
          if (!isStale()) told.push(id);
          resolve();
        });
      }),
  });
});

describe("the queue of goldens", () => {
  it("never has more than two questions at the server", async () => {
    round.askAll();
    expect(asked).toEqual(["g1", "g2"]);
    await answer("g1");
    expect(asked).toEqual(["g1", "g2", "g3"]);
  });

  it("puts suspicions in front, each once", async () => {
    round.askAll();
    round.ask({ kind: "golden", id: "g4" });
    round.ask({ kind: "golden", id: "g4" });
    await answer("g1");
    expect(asked.at(-1)).toBe("g4");
    await answer("g2");
    await answer("g4");
    await answer("g3");
    expect([...asked].sort()).toEqual(set);
  });

  it("another golden is another one than the one at fault and those that run", () => {
    round.ask({ kind: "golden", id: "g1" });
    round.ask({ kind: "another-golden", not: "g1" });
    expect(asked).toEqual(["g1", "g2"]);
  });

  it("two at once are two different ones", () => {
    round.askTwo();
    expect(asked).toEqual(["g1", "g2"]);
  });

  it("rotates by its pace", async () => {
    for (const expected of ["g1", "g2", "g3", "g4", "g1"]) {
      nowMs += 1000;
      round.tick({ kind: "single", everyMs: 1000 });
      expect(asked.at(-1)).toBe(expected);
      await answer(expected);
      round.tick({ kind: "single", everyMs: 1000 });
    }
    expect(asked).toHaveLength(5);
  });

  it("does not begin a round while the last one is at work", () => {
    nowMs = 1000;
    expect(round.tick({ kind: "round", everyMs: 300 })).toBe(true);
    nowMs = 2000;
    expect(round.tick({ kind: "round", everyMs: 300 })).toBe(false);
  });

  it("does not tell answers of a model that was replaced meanwhile", async () => {
    round.askAll();
    round.reset();
    await answer("g1");
    expect(told).toEqual([]);
    round.askAll();
    await answer("g2");
    await answer("g1");
    expect(told).toContain("g1");
  });

  it("starts nothing while it is paused, and goes on after that", () => {
    round.pause(true);
    round.askAll();
    expect(asked).toEqual([]);
    round.pause(false);
    expect(asked).toEqual(["g1", "g2"]);
  });

  it("asks nothing beyond the day's allowance", () => {
    const counted: string[] = [];
    const poor = createGoldenRound({
      ids: () => set,
      clock: { monotonicMs: () => nowMs },
      budget: () => counted.length < 1,
      perform: async (id) => void counted.push(id),
    });
    poor.askAll();
    expect(counted).toEqual(["g1"]);
  });
});

describe("the queue of several models", () => {
  const modelOf = (id: string) => (id === "g1" || id === "g2" ? "x" : "y");
  beforeEach(() => {
    round = createGoldenRound({
      ids: () => set,
      clock: { monotonicMs: () => nowMs },
      modelOf,
      perform: (id, isStale) =>
        new Promise((resolve) => {
          asked.push(id);
          open.set(id, () => {
            if (!isStale()) told.push(id);
            resolve();
          });
        }),
    });
  });

  it("asks of one model, or of any other, where it is told to", () => {
    round.ask({ kind: "another-golden", not: "g1", model: "x" });
    round.ask({ kind: "another-golden", not: "g1", notModel: "x" });
    expect(asked).toEqual(["g2", "g3"]);
  });

  it("asks a whole model", async () => {
    round.ask({ kind: "all-goldens", models: ["y"] });
    expect(asked).toEqual(["g3", "g4"]);
    await Promise.all([answer("g3"), answer("g4")]);
    expect(asked).toHaveLength(2);
  });

  it("goes on with the neighbours of a model that is being replaced, and drops what was asked of it", async () => {
    round.askAll();
    round.pause(true, ["x"]);
    round.reset(["x"]);
    await Promise.all([answer("g1"), answer("g2")]);
    expect([asked, told]).toEqual([["g1", "g2", "g3", "g4"], []]);
    await Promise.all([answer("g3"), answer("g4")]);
    round.askAll();
    await Promise.all([answer("g3"), answer("g4")]);
    expect(told).toEqual(["g3", "g4", "g3", "g4"]);
    round.pause(false, ["x"]);
    round.askAll();
    expect(asked.slice(6)).toEqual(["g1", "g2"]);
  });

  it("keeps a pace for each part of the set", () => {
    const slow = { kind: "single", everyMs: 1000 } as const;
    const rounds = { kind: "round", everyMs: 100 } as const;
    expect(round.tick(rounds, { name: "failed", ids: ["g3"] })).toBe(true);
    round.tick(slow, { name: "healthy", ids: ["g1", "g2"] });
    expect(asked).toEqual(["g3", "g1"]);
    expect(round.tick(rounds, { name: "failed", ids: ["g3"] })).toBe(false);
  });
});
