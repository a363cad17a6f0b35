import type { Probe } from "@locum/contracts";

/**
 * What a rung found. `timeout` says that it rests on nothing having come in time since `startedMs`: a stall of this
 * process in between explains that as well, so the drive does not take it as evidence then.
 */
export type Finding = { probe: Probe; startedMs: number; timeout: boolean };
export type Tell = (finding: Finding) => void;
export type LadderClock = { monotonicMs(): number };

/** Runs `ask` every `everyMs`, never two at once: a slow answer delays the next question instead of doubling it. */
export function everyTime(everyMs: number, ask: () => Promise<void>): { now(): void; stop(): void } {
  let running = false;
  let again = false;
  let stopped = false;
  const run = async (): Promise<void> => {
    if (stopped) return;
    if (running) return;
    running = true;
    try {
      do {
        again = false;
        await ask();
      } while (again && !stopped);
    } finally {
      running = false;
    }
  };
  const timer = setInterval(() => void run(), everyMs);
  timer.unref();
  void run();
  return {
    now() {
      again = true;
      void run();
    },
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}
