import type { ModelServer } from "@locum/serving";
import type { LadderClock } from "./rung.ts";
import { everyTime } from "./rung.ts";

const everyMs = 2000;
/** Two looks without growth: the traffic has ended. */
const flowingForMs = 5000;

/**
 * Whether requests flow at a server whose traffic is not seen (watch posture): its own count grows by more than what
 * was asked from here. `ours` only grows.
 */
export function watchCounter({
  server,
  ours,
  timeoutMs,
  clock,
}: {
  server: () => ModelServer;
  ours: () => number;
  timeoutMs: number;
  clock: LadderClock;
}): { isFlowing(): boolean; stop(): void } {
  let last: { count: number; ours: number } | undefined;
  let grewAtMs = Number.NEGATIVE_INFINITY;
  const loop = everyTime(everyMs, async () => {
    const before = ours();
    const count = await server().progress({ timeoutMs });
    if (count === undefined) return;
    // Asked while the count was read, a golden may be in it or not: the larger number is taken off.
    if (last && count - last.count > ours() - last.ours) grewAtMs = clock.monotonicMs();
    last = { count, ours: before };
  });
  return { isFlowing: () => clock.monotonicMs() - grewAtMs < flowingForMs, stop: loop.stop };
}
