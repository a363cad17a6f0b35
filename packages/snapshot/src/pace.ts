import type { Clock } from "./clock.ts";

/** Waits until `bytes` more may be read. */
export type Pace = (bytes: number) => Promise<void>;

export const unpaced: Pace = async () => {};

/**
 * A token bucket that may run ahead by one take: work of any size is spread to `bytesPerSecond`, and an idle time
 * earns no more than one second of it.
 */
export function createPace({
  bytesPerSecond,
  clock,
  signal,
}: {
  bytesPerSecond: number;
  clock: Clock;
  signal?: AbortSignal;
}): Pace {
  let freeAtMs = clock.monotonicMs();
  return async (bytes) => {
    const now = clock.monotonicMs();
    const start = Math.max(freeAtMs, now - 1000);
    freeAtMs = start + (bytes * 1000) / bytesPerSecond;
    if (start > now) await clock.sleep(start - now, signal);
  };
}
