/** To be awaited before so many bytes are read. */
export type Pace = (bytes: number) => Promise<void>;

/**
 * So many bytes a second over time, without a burst after a pause: a scrub is nobody's reason to wait for the disk.
 * `sleep` may reject, when its caller is told to stop: that ends who waits.
 */
export function createPace({
  bytesPerSecond,
  monotonicMs,
  sleep,
}: {
  bytesPerSecond: number;
  monotonicMs: () => number;
  sleep: (ms: number) => Promise<void>;
}): Pace {
  let freeMs = monotonicMs();
  return async (bytes) => {
    const now = monotonicMs();
    const waitMs = freeMs - now;
    freeMs = Math.max(freeMs, now) + (bytes / bytesPerSecond) * 1000;
    if (waitMs > 0) await sleep(waitMs);
  };
}
