export type LatencyHistogram = {
  observe(ms: number): void;
  /** The bound below which this part of the recent latencies lies; 0 while nothing is known. */
  quantile(part: number): number;
  /** What counts as late: the p99, or the p90 while so few are known that the p99 would be the one cold start. */
  tail(): number;
  count(): number;
};

/** Steps of 10 %: a bound is at most so much above the true value. 0.1 ms to about 20 minutes. */
const growth = 1.1;
const leastMs = 0.1;
const buckets = 170;
const manyEnough = 200;

/**
 * Latencies in bounded memory, the recent ones counting most: after every `halfLife` observations all counts are
 * halved, so that a server that became slower is not measured by what it was.
 */
export function createLatencyHistogram({ halfLife = 2000 }: { halfLife?: number } = {}): LatencyHistogram {
  const counts = new Float64Array(buckets);
  let total = 0;
  let sinceHalved = 0;
  const quantile = (part: number): number => {
    if (total === 0) return 0;
    let below = 0;
    for (const [index, count] of counts.entries()) {
      below += count;
      // Halves of halves add up inexactly; the last bucket that holds anything is the answer then.
      if (below >= part * total - 1e-9) return leastMs * growth ** index;
    }
    return leastMs * growth ** (buckets - 1);
  };
  return {
    quantile,
    tail: () => quantile(total < manyEnough ? 0.9 : 0.99),
    observe(ms) {
      if (!(ms >= 0)) return;
      const bucket = Math.ceil(Math.log(Math.max(ms, leastMs) / leastMs) / Math.log(growth));
      const at = Math.min(buckets - 1, Math.max(0, bucket));
      counts[at] = (counts[at] ?? 0) + 1;
      total += 1;
      sinceHalved += 1;
      if (sinceHalved < halfLife) return;
      sinceHalved = 0;
      total = 0;
      for (const [index, count] of counts.entries()) {
        counts[index] = count / 2;
        total += count / 2;
      }
    },
    count: () => total,
  };
}
