import { setTimeout as timeout } from "node:timers/promises";

export type Clock = {
  /** Milliseconds that never go back; only differences mean something. */
  monotonicMs(): number;
  /** Milliseconds since 1970, for people and records. It may jump, so nothing is decided by it. */
  wallMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts; it never rejects and keeps no process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    timeout(ms, undefined, { ref: false, ...(signal ? { signal } : {}) }).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    }),
};
