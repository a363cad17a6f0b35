import type { ShipClock } from "./ship-clock.ts";

/** A sleep that can be cut short; a call that comes before the sleep cuts the next one. */
export type Wake = { sleep(ms: number): Promise<void>; now(): void };

export function createWake(clock: ShipClock, signal: AbortSignal): Wake {
  let sleeping: AbortController | undefined;
  let isCalled = false;
  return {
    async sleep(ms) {
      if (isCalled || signal.aborted) {
        isCalled = false;
        return;
      }
      sleeping = new AbortController();
      const stop = (): void => sleeping?.abort();
      signal.addEventListener("abort", stop, { once: true });
      await clock.sleep(ms, sleeping.signal);
      signal.removeEventListener("abort", stop);
      sleeping = undefined;
      isCalled = false;
    },
    now() {
      isCalled = true;
      sleeping?.abort();
    },
  };
}
