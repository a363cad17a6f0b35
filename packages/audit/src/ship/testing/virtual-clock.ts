import type { ShipClock } from "../ship-clock.ts";

/**
 * A clock whose time passes only when nothing else is to be done: then the next sleeper wakes at once. So hours of
 * waiting take no time, in an order that does not depend on the machine.
 */
export function createVirtualClock(
  startMs = Date.parse("2026-01-02T03:04:05Z"),
): ShipClock & { pass(ms: number): Promise<void>; stop(): void } {
  let nowMs = 0;
  let isStopped = false;
  let isTurning = false;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  const turn = async (): Promise<void> => {
    isTurning = true;
    while (sleepers.size > 0 && !isStopped) {
      // As many turns of the event loop as a request and its answer may take.
      for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
      const [next] = [...sleepers].sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      nowMs = Math.max(nowMs, next.atMs);
      sleepers.delete(next);
      next.wake();
    }
    isTurning = false;
  };
  const sleep: ShipClock["sleep"] = (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = { atMs: nowMs + ms, wake: () => resolve() };
      sleepers.add(sleeper);
      signal?.addEventListener("abort", () => {
        sleepers.delete(sleeper);
        resolve();
      });
      if (!isTurning) void turn();
    });
  return {
    monotonicMs: () => nowMs,
    wallMs: () => startMs + nowMs,
    sleep,
    /** Resolves when so much of this clock's time has passed. */
    pass: (ms) => sleep(ms),
    stop() {
      isStopped = true;
    },
  };
}
