import type { Clock } from "./clock.ts";

export type TriggerCause = "schedule" | "change" | "request";
export type SnapshotTrigger = {
  /** Asks for a snapshot now. While one is being taken, any number of these make one more after it. */
  ask(cause: TriggerCause): void;
  /** A file was written: a snapshot follows when nothing more is for `settleMs`. */
  changed(): void;
  status(): { isRunning: boolean; waiting: TriggerCause[] };
  /** Resolves when nothing is running or waiting to be quiet; nothing starts any more. */
  close(): Promise<void>;
};

/** A folder that is written to without end still gets a snapshot, though a torn one, that says so. */
const settlesMax = 30;

/**
 * When snapshots are taken: at most one at a time, and at most one more is waiting, with all its causes. What `take`
 * throws is for `onFailure`; the next cause tries again.
 */
export function createSnapshotTrigger({
  take,
  onFailure,
  clock,
  settleMs,
}: {
  take: (causes: readonly TriggerCause[], signal: AbortSignal) => Promise<void>;
  onFailure: (error: unknown) => void;
  clock: Clock;
  settleMs: number;
}): SnapshotTrigger {
  const stop = new AbortController();
  const { signal } = stop;
  const waiting = new Set<TriggerCause>();
  let running: Promise<void> | undefined;
  let settling: Promise<void> | undefined;
  let changedMs = 0;

  const run = async (): Promise<void> => {
    while (waiting.size > 0 && !signal.aborted) {
      const causes = [...waiting];
      waiting.clear();
      await take(causes, signal).catch(onFailure);
    }
  };

  const ask = (cause: TriggerCause): void => {
    if (signal.aborted) return;
    waiting.add(cause);
    running ??= run().finally(() => {
      running = undefined;
    });
  };

  const settle = async (): Promise<void> => {
    const startMs = clock.monotonicMs();
    for (;;) {
      const quietAtMs = Math.min(changedMs, startMs + (settlesMax - 1) * settleMs) + settleMs;
      const waitMs = quietAtMs - clock.monotonicMs();
      if (waitMs <= 0 || signal.aborted) return;
      await clock.sleep(waitMs, signal);
    }
  };

  return {
    ask,
    changed() {
      changedMs = clock.monotonicMs();
      settling ??= settle().finally(() => {
        settling = undefined;
        ask("change");
      });
    },
    status: () => ({ isRunning: running !== undefined, waiting: [...waiting] }),
    async close() {
      stop.abort();
      waiting.clear();
      await settling;
      await running;
    },
  };
}
