import type { Probe } from "@locum/contracts";
import type { ModelServer } from "@locum/serving";
import type { LadderClock, Tell } from "./rung.ts";

/** What the tap and the goldens know of work in flight. */
export type WorkSeen = {
  inflight: number;
  /** Since when the one that waits longest does; undefined with none. */
  oldestSinceMs: number | undefined;
  /** Everything that shows that the model works; only grows. */
  work: number;
  /** Questions and requests that were given up on. Servers count a cancelled inference as a finished one. */
  givenUp: number;
  p99Ms: number;
  /** The same of each model that is judged by itself. */
  models?: Record<string, { inflight: number; oldestSinceMs: number | undefined; completed: number }>;
};

export type ProgressRung = { tick(): void; stop(): void };

/** The server's own counter is asked only when nothing else moved for so long: it costs a page of metrics. */
const counterAfterMs = 200;
const counterEveryMs = 250;

/**
 * L3: does work finish while work is in flight. Sampled at each tick as long as something is; one last sample says
 * that nothing is any more. A wait that began before a stall of this process is counted from the end of the stall.
 */
export function createProgressRung({
  seen,
  server,
  lastStallMs,
  halfwayMs,
  onHalfway,
  timeoutMs,
  clock,
  tell,
}: {
  seen: () => WorkSeen;
  server: () => ModelServer;
  lastStallMs: () => number;
  /** Half of the time that makes a stall: questions asked now are answered, or not, when it counts. */
  halfwayMs: (p99Ms: number) => number;
  onHalfway: () => void;
  timeoutMs: number;
  clock: LadderClock;
  tell: Tell;
}): ProgressRung {
  let counted = 0;
  let counter: { found: number; givenUp: number } | undefined;
  let counterAtMs = Number.NEGATIVE_INFINITY;
  let lastWork = -1;
  let movedAtMs = clock.monotonicMs();
  let wasBusy = false;
  let stopped = false;
  let isHalfway = false;

  /** Growth of the server's count, which starts again at zero when the server does. */
  const askCounter = async (): Promise<void> => {
    counterAtMs = Number.POSITIVE_INFINITY;
    const found = await server().progress({ timeoutMs });
    counterAtMs = clock.monotonicMs();
    if (found === undefined || stopped) return;
    const { givenUp } = seen();
    // The first look only learns where it stands. What was given up on since may be all that it counts.
    if (counter && found > counter.found)
      counted += Math.max(0, found - counter.found - (givenUp - counter.givenUp));
    counter = { found, givenUp };
  };

  return {
    tick() {
      const { inflight, oldestSinceMs, work, p99Ms, models } = seen();
      const atMs = clock.monotonicMs();
      if (inflight === 0 && !wasBusy) return;
      wasBusy = inflight > 0;
      const completed = work + counted;
      if (completed > lastWork || inflight === 0) movedAtMs = atMs;
      lastWork = completed;
      const sinceMs = Math.max(oldestSinceMs ?? atMs, lastStallMs());
      const waitedMs = (since: number | undefined) =>
        Math.max(0, atMs - Math.max(since ?? atMs, lastStallMs()));
      tell({
        probe: {
          kind: "progress",
          atMs,
          inflight,
          waitingMs: inflight === 0 ? 0 : waitedMs(oldestSinceMs),
          completed,
          p99Ms,
          ...(models ? { models: withWaits(models, waitedMs) } : {}),
        },
        startedMs: atMs,
        timeout: false,
      });
      const stillMs = atMs - Math.max(movedAtMs, sinceMs);
      const wasHalfway = isHalfway;
      isHalfway = inflight > 0 && stillMs >= halfwayMs(p99Ms);
      if (isHalfway && !wasHalfway) onHalfway();
      if (inflight > 0 && stillMs > counterAfterMs && atMs - counterAtMs > counterEveryMs) void askCounter();
    },
    stop() {
      stopped = true;
    },
  };
}

const withWaits = (
  models: NonNullable<WorkSeen["models"]>,
  waitedMs: (sinceMs: number | undefined) => number,
): NonNullable<Extract<Probe, { kind: "progress" }>["models"]> =>
  Object.fromEntries(
    Object.entries(models).map(([name, { inflight, oldestSinceMs, completed }]) => [
      name,
      { inflight, waitingMs: inflight === 0 ? 0 : waitedMs(oldestSinceMs), completed },
    ]),
  );
