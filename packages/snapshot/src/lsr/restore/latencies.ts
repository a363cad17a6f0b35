export type Latencies = {
  add(ms: number): void;
  /** Undefined until there are enough to tell. */
  p95(): number | undefined;
};

/** The last 64 answers of a source: what it was like an hour ago says nothing about now. */
export function createLatencies({ kept = 64, enough = 16 } = {}): Latencies {
  const recent: number[] = [];
  let next = 0;
  return {
    add(ms) {
      recent[next++ % kept] = ms;
    },
    p95() {
      if (recent.length < enough) return undefined;
      return recent.toSorted((a, b) => a - b)[Math.ceil(recent.length * 0.95) - 1];
    },
  };
}
