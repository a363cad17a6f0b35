import { limits } from "../limits.ts";

/** How a pack is cut: every length and place in a parity file follows from these. */
export type ParityShape = {
  packBytes: number;
  blockBytes: number;
  /** Data blocks of a stripe. */
  k: number;
  /** Parity blocks of a stripe. */
  m: number;
};

export const parityMagic = "LSRR";
export const fixedBytes = 52;
export const hashBytes = 32;
/** A smaller block would make the hashes longer than what they protect. */
const blockBytesMin = 4 << 10;

export type ParityCounts = { data: number; stripes: number; parity: number; headBytes: number };

export function countsOf({ packBytes, blockBytes, k, m }: ParityShape): ParityCounts {
  const data = Math.ceil(packBytes / blockBytes);
  const stripes = Math.ceil(data / k);
  const parity = stripes * m;
  return { data, stripes, parity, headBytes: fixedBytes + hashBytes * (data + parity + 1) };
}

/** What is wrong with a shape, if anything is: outside these bounds neither memory nor algebra would hold. */
export function shapeFault({ packBytes, blockBytes, k, m }: ParityShape): string | undefined {
  if (!(packBytes >= 1 && packBytes <= limits.pack)) return `a pack of ${packBytes} bytes`;
  const isPower = (blockBytes & (blockBytes - 1)) === 0;
  if (!isPower || blockBytes < blockBytesMin || blockBytes > limits.chunk)
    return `blocks of ${blockBytes} bytes, expected ${blockBytesMin} to ${limits.chunk}, a power of two`;
  if (!(k >= 1 && k <= 255)) return `${k} data blocks a stripe, expected 1 to 255`;
  return m === 1 || m === 2 ? undefined : `${m} parity blocks a stripe, expected 1 or 2`;
}
