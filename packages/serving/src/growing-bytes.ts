/** Bytes that come in pieces: `buffer` holds them up to `length`, and room behind them. */
export type GrowingBytes = { buffer: Buffer; length: number };

/**
 * Copies a piece behind the others. The room doubles, up to `bytesMax`: pieces of one byte, kept as they came, cost two
 * hundred each.
 */
export function append(to: GrowingBytes, piece: Uint8Array, bytesMax: number): void {
  const length = to.length + piece.length;
  if (length > to.buffer.length) {
    const grown = Buffer.allocUnsafe(Math.max(length, Math.min(bytesMax, Math.max(4096, 2 * length))));
    grown.set(to.buffer.subarray(0, to.length));
    to.buffer = grown;
  }
  to.buffer.set(piece, to.length);
  to.length = length;
}
