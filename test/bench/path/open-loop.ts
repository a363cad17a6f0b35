export type LoadResult = { latenciesMs: number[]; failed: number };
export type Rate = { perSecond: number; seconds: number };

/**
 * Sends at a fixed rate, whatever the answers do (an open loop: a slow server does not slow the generator down and so
 * hide its own queue). `send` tells once how its request ended: with a latency, or with undefined.
 */
export function openLoop(
  { perSecond, seconds }: Rate,
  send: (ended: (latencyMs: number | undefined) => void) => void,
): Promise<LoadResult> {
  const total = Math.round(perSecond * seconds);
  const result: LoadResult = { latenciesMs: [], failed: 0 };
  return new Promise((resolve) => {
    let [sent, done] = [0, 0];
    const startedMs = performance.now();
    const ended = (latencyMs: number | undefined) => {
      done += 1;
      if (latencyMs === undefined) result.failed += 1;
      else result.latenciesMs.push(latencyMs);
      if (done === total) resolve(result);
    };
    const tick = () => {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * perSecond));
      for (; sent < due; sent += 1) send(ended);
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
}
