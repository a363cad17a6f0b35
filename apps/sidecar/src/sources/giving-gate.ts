import type { Clock } from "@locum/runtime";

export type GivingGate = {
  /** Whether requests that are served here do not suffer from what is given away. */
  mayGive(): boolean;
  untilMayGive(): Promise<void>;
  gave(): void;
};

/** What was given this long ago is no cause of what is slow now. */
const giveMs = 2000;
const pauseMs = 1000;
/** A tail that stays up for so long while nothing is given has another cause: it is how things are now. */
const otherCauseMs = 30_000;

/**
 * Files are given to peers for as long as the own model server answers about as fast as before: above `pauseAbove` times
 * the p99 of the time when nothing was given, giving pauses for a second, and is tried again.
 */
export function createGivingGate({
  p99Ms,
  pauseAbove,
  clock,
}: {
  /** Of the answers of the own server; 0 while there are none. */
  p99Ms: () => number;
  pauseAbove: number;
  clock: Clock;
}): GivingGate {
  let quietMs = 0;
  let gaveAtMs = Number.NEGATIVE_INFINITY;
  let pausedUntilMs = Number.NEGATIVE_INFINITY;

  const mayGive = (): boolean => {
    const now = clock.monotonicMs();
    if (now < pausedUntilMs) return false;
    const tail = p99Ms();
    // A tail that giving raised must not become what giving is measured by: it is learnt when it fell, or stayed long.
    const idleMs = now - gaveAtMs;
    if (quietMs <= 0 || idleMs > otherCauseMs || (idleMs > giveMs && tail < quietMs)) quietMs = tail;
    if (quietMs <= 0 || tail <= pauseAbove * quietMs) return true;
    pausedUntilMs = now + pauseMs;
    return false;
  };
  return {
    mayGive,
    async untilMayGive() {
      while (!mayGive()) await clock.sleep(pauseMs);
    },
    gave() {
      gaveAtMs = clock.monotonicMs();
    },
  };
}
