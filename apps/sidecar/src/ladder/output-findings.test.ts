import { expect, test } from "vitest";
import type { TapEvent, TapOutcome } from "../tap/tap-event.ts";
import { outputProbe } from "./output-findings.ts";

const told = (outcome: TapOutcome, more: object = {}): TapEvent => ({
  kind: "outcome",
  target: "a",
  own: true,
  infer: true,
  model: "m",
  outcome,
  counts: true,
  status: 200,
  detail: "d",
  ms: 1,
  serverMs: 1,
  ...more,
});
const findingOf = (event: TapEvent) => outputProbe(event, "a", 5)?.finding;

test.each<[TapOutcome, string | undefined]>([
  ["ok", undefined],
  ["client-gone", undefined],
  ["diverted", undefined],
  ["refused", undefined],
  ["timeout", undefined],
  ["reset", "truncated"],
  ["truncated", "truncated"],
  ["flood", "flood"],
  ["malformed", "malformed"],
  ["stalled", "stalled"],
])("%s is the finding %s", (outcome, finding) => {
  expect(findingOf(told(outcome))).toBe(finding);
});

test("what another instance did is no finding of this one", () => {
  expect(findingOf(told("flood", { target: "b" }))).toBeUndefined();
});

test("a 5xx counts when nobody gave better, and again as contested when somebody did", () => {
  expect(findingOf(told("status5xx", { counts: true }))).toBeUndefined();
  expect(outputProbe(told("status5xx", { counts: false }), "a", 5)?.contested).toBe(false);
  const contested = { kind: "contested", target: "a", own: true, model: "m", detail: "" } as const;
  expect(outputProbe({ ...contested, outcome: "status5xx" }, "a", 5)).toMatchObject({
    finding: "status-5xx",
    contested: true,
    model: "m",
  });
});

test("a finding names no model where the request named none, and its detail is bounded", () => {
  const probe = outputProbe(told("flood", { model: undefined, detail: "x".repeat(10_000) }), "a", 5);
  expect(probe).not.toHaveProperty("model");
  expect(probe?.detail).toHaveLength(500);
});
