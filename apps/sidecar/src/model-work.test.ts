import { expect, it } from "vitest";
import { createModelWork } from "./model-work.ts";
import type { TapEvent } from "./tap/tap-event.ts";

const started = (model: string | undefined, target = "a"): TapEvent => ({
  kind: "started",
  target,
  own: target === "a",
  infer: true,
  model,
  atMs: 0,
});
const ended = (model: string, outcome: "ok" | "diverted" = "ok"): TapEvent => ({
  kind: "outcome",
  target: "a",
  own: true,
  infer: true,
  model,
  outcome,
  counts: false,
  status: 200,
  detail: "",
  ms: 1,
  serverMs: undefined,
});

it("counts what waits and what finishes of each judged model, and nothing of other names", () => {
  let judged = ["m@1", "m@2", "n"];
  const work = createModelWork({ ownId: "a", judged: () => judged });
  for (const event of [started("n"), started("n"), started("m@1"), started("m"), started("n", "b")])
    work.observe(event);
  for (const event of [started(undefined), started("who/../knows")]) work.observe(event);
  expect(["n", "m@1", "m@2", "who/../knows"].map((name) => work.inflight([name]))).toEqual([2, 2, 1, 0]);
  work.observe(ended("n"));
  work.observe(ended("n", "diverted"));
  work.answered("m@2");
  expect(work.inflight(["n"])).toBe(0);
  expect(["n", "m@1", "m@2"].map(work.completed)).toEqual([1, 0, 1]);
  judged = [];
  work.observe(started("n"));
  expect(work.inflight(["m@1", "m@2", "n"])).toBe(0);
});
