export type LoopLag = {
  /** Milliseconds that this process stood still since the last call: a pause is credited to every deadline. */
  stalledMs(): number;
  close(): void;
};

type Timers = { every(ms: number, act: () => void): () => void };

const nodeTimers: Timers = {
  every(ms, act) {
    const timer = setInterval(act, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/**
 * Measures stalls of the own event loop, whatever their cause (a long turn, SIGSTOP, a paused machine). A tick is due
 * every `tickMs`; what it comes later than `toleranceMs` is a stall. A call in the middle of one counts it already, so
 * that a deadline judged in the first turn after a pause is credited too.
 */
export function createLoopLag({
  clock,
  timers = nodeTimers,
  tickMs = 50,
  toleranceMs = 50,
}: {
  clock: { monotonicMs(): number };
  timers?: Timers;
  tickMs?: number;
  toleranceMs?: number;
}): LoopLag {
  let lastTickMs = clock.monotonicMs();
  let stalled = 0;
  const settle = (nowMs: number): void => {
    const lateMs = nowMs - lastTickMs - tickMs;
    if (lateMs <= toleranceMs) return;
    stalled += lateMs;
    // The tick that is still due must not count the same stall again.
    lastTickMs = nowMs - tickMs;
  };
  const stop = timers.every(tickMs, () => {
    const nowMs = clock.monotonicMs();
    settle(nowMs);
    lastTickMs = nowMs;
  });
  return {
    stalledMs() {
      settle(clock.monotonicMs());
      const sum = stalled;
      stalled = 0;
      return sum;
    },
    close: stop,
  };
}
