/** Mulberry32: the same numbers every time, from 0 to below 1. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fills with a normal distribution of that deviation. */
export function normals(out: Float32Array, scale: number, random: () => number): void {
  for (let i = 0; i < out.length; i++)
    out[i] = scale * (normalTable[Math.floor(random() * normalTable.length)] ?? 0);
}

const normalTable = (() => {
  const random = numbers(1);
  return Float32Array.from(
    { length: 1 << 16 },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
})();
