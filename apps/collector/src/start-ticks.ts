import type { Clock } from "@locum/runtime";

/** A tick that is later than this was not late by chance: the process slept, and says for how long. */
const stallMsMin = 50;

/**
 * Ticks until it is stopped, and says how long this process stood still before each. After a stall, timers run before
 * the sockets are read: who then judges by its clock alone declares everybody dead.
 */
export function startTicks(clock: Clock, tickMs: number, onTick: (stalledMs: number) => void): () => void {
  const ending = new AbortController();
  const run = async (): Promise<void> => {
    let dueMs = clock.monotonicMs() + tickMs;
    for (;;) {
      await clock.sleep(tickMs, ending.signal);
      if (ending.signal.aborted) return;
      const now = clock.monotonicMs();
      const lateMs = now - dueMs;
      dueMs = now + tickMs;
      onTick(lateMs >= stallMsMin ? lateMs : 0);
    }
  };
  void run();
  return () => ending.abort();
}
