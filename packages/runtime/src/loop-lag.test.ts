import { expect, test } from "vitest";
import { createLoopLag } from "./loop-lag.ts";

function world() {
  let nowMs = 0;
  let tick = (): void => {};
  const timers = {
    every(_: number, act: () => void) {
      tick = act;
      return () => {
        tick = () => {};
      };
    },
  };
  const lag = createLoopLag({ clock: { monotonicMs: () => nowMs }, timers, tickMs: 50, toleranceMs: 50 });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return {
    lag,
    pass,
    tick: () => tick(),
    run: (ms: number) => {
      for (let at = 0; at < ms; at += 50) {
        pass(50);
        tick();
      }
    },
  };
}

test("a loop that turns in time has no stall", () => {
  const { lag, run } = world();
  run(10_000);
  expect(lag.stalledMs()).toBe(0);
});

test("a pause is counted once, whether it is asked for before or after the late tick", () => {
  const before = world();
  before.run(1000);
  before.pass(5000);
  expect(before.lag.stalledMs()).toBe(4950);
  before.tick();
  before.run(1000);
  expect(before.lag.stalledMs()).toBe(0);

  const after = world();
  after.run(1000);
  after.pass(5000);
  after.tick();
  after.run(1000);
  expect(after.lag.stalledMs()).toBe(4950);
  expect(after.lag.stalledMs()).toBe(0);
});

test("several pauses add up", () => {
  const { lag, pass, tick } = world();
  for (const ms of [1050, 2050, 90]) {
    pass(ms);
    tick();
  }
  expect(lag.stalledMs()).toBe(3000);
});

test("a real pause of this process is seen", () => {
  const lag = createLoopLag({ clock: { monotonicMs: () => performance.now() }, tickMs: 10, toleranceMs: 10 });
  const until = performance.now() + 200;
  while (performance.now() < until);
  expect(lag.stalledMs()).toBeGreaterThan(100);
  lag.close();
});
