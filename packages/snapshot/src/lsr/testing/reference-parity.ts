/** Section 11 of the format in plain numbers: for tests, much slower than the kernels. */
export function referenceParity(
  blocks: readonly Uint8Array[],
  { k, m }: { k: number; m: number },
): Uint8Array[] {
  const parity: Uint8Array[] = [];
  for (let first = 0; first < blocks.length; first += k)
    for (let j = 0; j < m; j++) {
      const sum = new Uint8Array(blocks[0]?.length ?? 0);
      for (const [i, block] of blocks.slice(first, first + k).entries())
        for (const [at, byte] of block.entries())
          sum[at] = (sum[at] ?? 0) ^ slowProduct(slowPower(i * j), byte);
      parity.push(sum);
    }
  return parity;
}

/** Russian peasants, modulo 0x11d. */
export function slowProduct(left: number, right: number): number {
  let [a, b, product] = [left, right, 0];
  for (; b > 0; b >>= 1, a = a & 0x80 ? (a << 1) ^ 0x11d : a << 1) if (b & 1) product ^= a;
  return product;
}

export const slowPower = (exponent: number): number =>
  exponent === 0 ? 1 : slowProduct(2, slowPower(exponent - 1));

/**
 * The lost bytes of one position of a stripe, by trying every pair of values: no algebra that could be wrong twice. Only
 * the values with which each given parity byte is the sum that the format asks for.
 */
export function referenceSolve(
  data: readonly (number | undefined)[],
  parity: readonly { j: number; byte: number }[],
): number[][] {
  const gaps = [...data.keys()].filter((i) => data[i] === undefined);
  const found: number[][] = [];
  const values = gaps.length === 1 ? 256 : 65_536;
  const rests = parity.map(({ j, byte }) =>
    data.reduce<number>(
      (sum, value, i) => sum ^ (value === undefined ? 0 : slowProduct(slowPower(i * j), value)),
      byte,
    ),
  );
  for (let value = 0; value < values; value++) {
    const tried = gaps.map((_, n) => (value >> (8 * n)) & 255);
    const fits = parity.every(
      ({ j }, row) =>
        gaps.reduce((sum, i, n) => sum ^ slowProduct(slowPower(i * j), tried[n] ?? 0), 0) === rests[row],
    );
    if (fits) found.push(tried);
  }
  return found;
}
