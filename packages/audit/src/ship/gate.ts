import type { ShipClock } from "./ship-clock.ts";

/**
 * How a request went: good; busy (and whether some of it was done); away, where nobody answered who could do the work;
 * operator, where somebody has to mend something first.
 */
export type Passage = "good" | "busy" | "busy-but-moving" | "away" | "operator" | "aside";

/**
 * Lets requests through: few at a time, more while it goes well and half as many when the server is busy (AIMD), one at
 * a time while it is away. After a failure each waits with full jitter, without an end.
 */
export type Gate = {
  /** Rejects when it is closing. Each `enter` that resolved is followed by one `leave`. */
  enter(): Promise<void>;
  /** Gives how many in a row went wrong. */
  leave(passage: Passage): number;
};

const delayMsMax = 30_000;

export function createGate({
  clock,
  random,
  signal,
  windowMax = 4,
}: {
  clock: ShipClock;
  random: { next(): number };
  signal: AbortSignal;
  windowMax?: number;
}): Gate {
  let window = 2;
  let isAway = false;
  let failures = 0;
  let baseMs = 100;
  let within = 0;
  let waiting: (() => void)[] = [];
  const limit = (): number => (isAway ? 1 : Math.floor(window));
  const admit = (): void => {
    while (waiting.length > 0 && within < limit()) {
      within += 1;
      waiting.shift()?.();
    }
  };
  const release = (): void => {
    for (const go of waiting) go();
    waiting = [];
  };
  signal.addEventListener("abort", release, { once: true });

  return {
    async enter() {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        admit();
      });
      if (failures > 0) {
        const mostMs = Math.min(delayMsMax, baseMs * 2 ** Math.min(failures - 1, 20));
        await clock.sleep(random.next() * mostMs, signal);
      }
      signal.throwIfAborted();
    },
    leave(passage) {
      within -= 1;
      if (passage !== "aside") isAway = passage === "away" || passage === "operator";
      if (passage === "good") {
        failures = 0;
        window = Math.min(windowMax, window + 1 / window);
      } else if (passage !== "aside") {
        failures = passage === "busy-but-moving" ? 1 : failures + 1;
        window = Math.max(1, window / 2);
        // What a person has to mend is not mended within 100 ms.
        baseMs = passage === "operator" ? 5000 : 100;
      }
      admit();
      return failures;
    },
  };
}
