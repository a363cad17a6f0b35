import { expect, test } from "vitest";
import { createGivingGate } from "./giving-gate.ts";

function gateAt() {
  const now = { ms: 0, p99Ms: 10 };
  const clock = { monotonicMs: () => now.ms, wallMs: () => now.ms, sleep: async () => {} };
  return { now, gate: createGivingGate({ p99Ms: () => now.p99Ms, pauseAbove: 1.1, clock }) };
}

test("giving stops while the tail that it raised is up, and goes on when it has fallen", () => {
  const { now, gate } = gateAt();
  expect(gate.mayGive()).toBe(true);
  gate.gave();
  now.p99Ms = 30;
  for (now.ms = 1; now.ms < 20_000; now.ms += 250) expect([now.ms, gate.mayGive()]).toEqual([now.ms, false]);
  now.p99Ms = 10;
  now.ms += 1000;
  expect(gate.mayGive()).toBe(true);
});

test("a tail that stays up for half a minute without giving is how things are", () => {
  const { now, gate } = gateAt();
  expect(gate.mayGive()).toBe(true);
  gate.gave();
  now.p99Ms = 30;
  now.ms = 32_000;
  expect(gate.mayGive()).toBe(true);
});

test("without traffic nothing is measured, and nothing pauses", () => {
  const { now, gate } = gateAt();
  now.p99Ms = 0;
  expect(gate.mayGive()).toBe(true);
  gate.gave();
  expect(gate.mayGive()).toBe(true);
});
