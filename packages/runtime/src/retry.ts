import { Fault } from "@locum/contracts";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** Delays with full jitter: uniform in [0, min(capMs, baseMs x 2^attempt)], so that a crowd does not come back at once. */
export function backoffMs(
  attempt: number,
  random: Pick<Random, "next">,
  { baseMs = 100, capMs = 30_000 }: { baseMs?: number; capMs?: number } = {},
): number {
  return random.next() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}

/**
 * Runs `work` until it succeeds, its fault says `retry: never`, the tries are used up, or the signal aborts. What is
 * thrown last is thrown on. Only for work that may be done twice.
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  {
    clock,
    random,
    triesMax = 5,
    baseMs = 100,
    capMs = 30_000,
    signal,
    isFinal = (error) => error instanceof Fault && error.retry === "never",
  }: {
    clock: Pick<Clock, "sleep">;
    random: Pick<Random, "next">;
    triesMax?: number;
    baseMs?: number;
    capMs?: number;
    signal?: AbortSignal;
    isFinal?: (error: unknown) => boolean;
  },
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt + 1 >= triesMax || isFinal(error) || signal?.aborted) throw error;
      await clock.sleep(backoffMs(attempt, random, { baseMs, capMs }), signal);
      if (signal?.aborted) throw error;
    }
  }
}
