import { randomBytes } from "node:crypto";

export type Random = {
  /** In [0, 1), 53 bits. */
  next(): number;
  /** Whole, in [min, max]. */
  integer(min: number, max: number): number;
  bytes(length: number): Uint8Array;
  /** 128 bits as 32 hex digits: incarnations, ids. */
  id(): string;
};

/** Unpredictable, from the system: the one to use for ids and keys. */
export const systemRandom: Random = from((length) => randomBytes(length));

/**
 * The same sequence for the same seed, for simulations and replays; never for secrets. Sfc32 (Chris Doty-Humphrey,
 * PractRand), seeded by splitmix32 so that neighbouring seeds share nothing.
 */
export function createRandom(seed: number): Random {
  let mix = seed >>> 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  let [a, b, c, counter] = [splitmix(), splitmix(), splitmix(), 1];
  const word = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round += 1) word();
  return from((length) => Uint8Array.from({ length }, () => word() >>> 24));
}

function from(bytes: (length: number) => Uint8Array): Random {
  const next = (): number => {
    let high = 0;
    let low = 0;
    for (const [index, byte] of bytes(7).entries()) {
      if (index < 3) high = high * 256 + byte;
      else low = low * 256 + byte;
    }
    return ((high & 0x1f_ffff) * 2 ** 32 + low) / 2 ** 53;
  };
  return {
    next,
    integer: (min, max) => min + Math.floor(next() * (max - min + 1)),
    bytes,
    id: () => Buffer.from(bytes(16)).toString("hex"),
  };
}
