import { expect, test, vi } from "vitest";
import type { Clock } from "./clock.ts";
import { createSnapshotTrigger, type TriggerCause } from "./snapshot-trigger.ts";

/** Sleepers wake when the test turns the clock. */
function turnedClock(): Clock & { turn(ms: number): Promise<void> } {
  let nowMs = 0;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  return {
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = { atMs: nowMs + ms, wake: resolve };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", () => resolve());
      }),
    async turn(ms) {
      nowMs += ms;
      for (const sleeper of sleepers)
        if (sleeper.atMs <= nowMs) {
          sleepers.delete(sleeper);
          sleeper.wake();
        }
      for (let tick = 0; tick < 20; tick++) await Promise.resolve();
    },
  };
}

function rig() {
  const clock = turnedClock();
  const taken: TriggerCause[][] = [];
  const failures: unknown[] = [];
  let end: PromiseWithResolvers<void> | undefined;
  let [now, most] = [0, 0];
  const trigger = createSnapshotTrigger({
    clock,
    settleMs: 100,
    onFailure: (error) => failures.push(error),
    async take(causes) {
      taken.push([...causes]);
      most = Math.max(most, ++now);
      end = Promise.withResolvers();
      await end.promise.finally(() => now--);
    },
  });
  return {
    clock,
    taken,
    failures,
    trigger,
    end: () => end?.resolve(),
    fail: (error: unknown) => end?.reject(error),
    most: () => most,
  };
}

test("one at a time, and all that was asked meanwhile is one more", async () => {
  const { taken, trigger, end, most } = rig();
  trigger.ask("schedule");
  for (const cause of ["schedule", "request", "schedule"] as const) trigger.ask(cause);
  expect(trigger.status()).toEqual({ isRunning: true, waiting: ["schedule", "request"] });
  end();
  await vi.waitFor(() => expect(taken).toEqual([["schedule"], ["schedule", "request"]]));
  end();
  await vi.waitFor(() => expect(trigger.status()).toEqual({ isRunning: false, waiting: [] }));
  expect([taken.length, most()]).toEqual([2, 1]);
});

test("changes make one snapshot when they are quiet, not before", async () => {
  const { clock, taken, trigger } = rig();
  for (let at = 0; at < 5; at++) {
    trigger.changed();
    await clock.turn(90);
  }
  expect(taken).toEqual([]);
  await clock.turn(10);
  expect(taken).toEqual([["change"]]);
});

test("a folder that is never quiet gets one all the same", async () => {
  const { clock, taken, trigger } = rig();
  for (let at = 0; at < 40 && taken.length === 0; at++) {
    trigger.changed();
    await clock.turn(90);
  }
  expect(taken).toEqual([["change"]]);
});

test("a snapshot that fails is told, and the next cause tries again", async () => {
  const { taken, failures, trigger, fail } = rig();
  trigger.ask("schedule");
  fail(new Error("disk"));
  await vi.waitFor(() => expect(trigger.status().isRunning).toBe(false));
  trigger.ask("request");
  expect([taken, failures]).toEqual([[["schedule"], ["request"]], [new Error("disk")]]);
});

test("when it is closed nothing starts any more, and what runs is waited for", async () => {
  const { clock, taken, trigger, end } = rig();
  trigger.ask("schedule");
  trigger.ask("request");
  trigger.changed();
  const closing = trigger.close();
  end();
  await closing;
  trigger.ask("request");
  trigger.changed();
  await clock.turn(1000);
  expect(taken).toEqual([["schedule"]]);
});
