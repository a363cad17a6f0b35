/** A small fast seeded generator (sfc32, C. Doty-Humphrey, PractRand): the same seed gives the same world, on every machine. */
export type Random = {
  /** In [0, 1). */
  next(): number;
  between(low: number, high: number): number;
  /** An integer in [0, end). */
  below(end: number): number;
  chance(probability: number): boolean;
  /** Of a Poisson process: the wait until its next event. */
  wait(meanMs: number): number;
  pick<T>(list: readonly T[]): T | undefined;
};

export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9 ^ seed;
  let b = 0x243f6a88;
  let c = (seed / 4294967296) | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4294967296;
  };
  // Neighbouring seeds start alike: the first rounds mix them.
  for (let round = 0; round < 15; round++) next();
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    below: (end) => Math.floor(next() * end),
    chance: (probability) => next() < probability,
    wait: (meanMs) => -Math.log(1 - next()) * meanMs,
    pick: (list) => list[Math.floor(next() * list.length)],
  };
}
