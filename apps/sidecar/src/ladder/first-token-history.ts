import { createLatencyHistogram, type LatencyHistogram } from "./latency-histogram.ts";

export type FirstTokenHistory = {
  observe(requestBytes: number, ms: number): void;
  /** What counts as late for the first token of a request of this size; 0 while nothing is known. */
  tail(requestBytes: number): number;
  quantile(part: number): number;
};

/** Sizes up to 1 KiB, 4 KiB and so on; the last takes everything above. */
const classes = 8;
const leastBytes = 1024;
const manyEnough = 8;

/**
 * Times to the first token, by the size of the request: reading a long prompt takes its time, and a server that does it
 * is not hung. A size that was never seen is expected to take as much longer as it is larger than one that was.
 */
export function createFirstTokenHistory(): FirstTokenHistory {
  const bySize: LatencyHistogram[] = Array.from({ length: classes }, () => createLatencyHistogram());
  const all = createLatencyHistogram();
  return {
    observe(requestBytes, ms) {
      all.observe(ms);
      bySize[classOf(requestBytes)]?.observe(ms);
    },
    tail(requestBytes) {
      const wanted = classOf(requestBytes);
      for (let at = wanted; at >= 0; at -= 1) {
        const known = bySize[at];
        if (!known || known.count() < manyEnough) continue;
        const longer = at === wanted ? 1 : requestBytes / upperBytes(at);
        return known.tail() * Math.max(1, longer);
      }
      return all.tail();
    },
    quantile: all.quantile,
  };
}

function classOf(bytes: number): number {
  let at = 0;
  while (at < classes - 1 && bytes > upperBytes(at)) at += 1;
  return at;
}

const upperBytes = (at: number): number => leastBytes * 4 ** at;
