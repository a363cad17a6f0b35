const [blockMin, blockMax] = [4 << 10, 1 << 20];

/** Data and parity blocks of a stripe. */
export type ParityChoice = { k: number; m: 1 | 2 };

/** What a repository's config asks for; undefined where it asks for none. */
export function parityChoice([k, m]: readonly [k: number, m: number]): ParityChoice | undefined {
  return (m === 1 || m === 2) && k <= 255 ? { k, m } : undefined;
}

/**
 * Of a small pack the blocks are so small that it is still cut into k of them: with blocks of 1 MiB the parity of a
 * metadata edit would be the larger file. A power of two, as parity asks for.
 */
export function parityBlockBytes(packBytes: number, k: number): number {
  let block = blockMin;
  while (block < blockMax && block * k < packBytes) block *= 2;
  return block;
}
