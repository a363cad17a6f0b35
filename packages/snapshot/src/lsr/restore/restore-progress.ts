import type { Clock } from "../../clock.ts";

export type RestoreProgress = {
  doneBytes: number;
  totalBytes: number;
  /** Over about the last five seconds. */
  bytesPerSecond: number;
  /** Undefined while nothing has moved yet. */
  etaMs: number | undefined;
};

const reportEveryMs = 250;
const halfLifeMs = 2500;

/** Counts bytes that are in their place, and reports at most four times a second, and at the end. */
export function createProgress({
  totalBytes,
  clock,
  onProgress = () => {},
}: {
  totalBytes: number;
  clock: Clock;
  onProgress?: ((progress: RestoreProgress) => void) | undefined;
}): { add(bytes: number): void; end(): void } {
  let [doneBytes, reportedBytes, rate] = [0, 0, 0];
  let reportedMs = clock.monotonicMs();

  function report(): void {
    const now = clock.monotonicMs();
    const elapsedMs = Math.max(1, now - reportedMs);
    const current = ((doneBytes - reportedBytes) * 1000) / elapsedMs;
    // An interval weighs by its length, so that a stall shows as soon as it lasts, however seldom bytes come.
    const weight = rate === 0 ? 1 : 1 - 2 ** (-elapsedMs / halfLifeMs);
    rate += (current - rate) * weight;
    [reportedMs, reportedBytes] = [now, doneBytes];
    const etaMs = rate > 0 ? ((totalBytes - doneBytes) * 1000) / rate : undefined;
    onProgress({ doneBytes, totalBytes, bytesPerSecond: rate, etaMs });
  }

  return {
    add(bytes) {
      doneBytes += bytes;
      if (clock.monotonicMs() - reportedMs >= reportEveryMs) report();
    },
    end: report,
  };
}
