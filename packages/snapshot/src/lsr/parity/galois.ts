/** GF(2^8) modulo 0x11d, in which 2 generates every element but zero (docs/snapshot-format.md, section 11). */
const exponents = new Uint8Array(510);
const logarithms = new Uint8Array(256);

let element = 1;
for (let n = 0; n < 255; n++) {
  exponents[n] = exponents[n + 255] = element;
  logarithms[element] = n;
  element = element & 0x80 ? (element << 1) ^ 0x11d : element << 1;
}

export const product = (left: number, right: number): number =>
  left === 0 || right === 0 ? 0 : (exponents[logOf(left) + logOf(right)] ?? 0);

/** Of any element but zero. */
export const inverse = (of: number): number => exponents[255 - logOf(of)] ?? 0;

export const powerOfTwo = (exponent: number): number => exponents[exponent % 255] ?? 0;

/** The inverse of an invertible matrix of one or two rows. */
export function invert(matrix: readonly (readonly number[])[]): number[][] {
  const [[a = 0, b = 0] = [], [c = 0, d = 0] = []] = matrix;
  if (matrix.length === 1) return [[inverse(a)]];
  const factor = inverse(product(a, d) ^ product(b, c));
  // Minus is plus here.
  return [
    [product(factor, d), product(factor, b)],
    [product(factor, c), product(factor, a)],
  ];
}

const logOf = (value: number): number => logarithms[value] ?? 0;
