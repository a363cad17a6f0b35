import type { ByteSource } from "../byte-source.ts";
import { corrupt } from "../corrupt.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import { createParityEncoder } from "./parity-encoder.ts";
import type { StripeSums } from "./stripe-sums.ts";

export type ParityInput = {
  /** Hex. */
  packId: string;
  hash: KeyedHash;
  /** Data blocks of a stripe. */
  k?: number;
  /** Parity blocks of a stripe: so many lost ones come back. */
  m?: 1 | 2;
  blockBytes?: number;
};

/**
 * The parity file of a pack, in parts, ready for its name (`parityPath`). Reads the pack once, block by block; beside
 * the result, a sixteenth of the pack for every m, it holds a block and the sums of one stripe.
 * @throws Fault snapshot-corrupt: the bytes are not those of the pack's name, whose parity would preserve the damage
 */
export async function encodeParity(source: ByteSource, input: ParityInput): Promise<Uint8Array[]> {
  const { packId, hash, blockBytes = limits.chunk } = input;
  const encoder = createParityEncoder(source.size, input);
  const whole = hash.hasher();
  for (let at = 0; at < source.size; at += blockBytes) {
    const bytes = await source.read(at, Math.min(blockBytes, source.size - at));
    whole.update(bytes);
    encoder.add(bytes);
  }
  if (Buffer.from(whole.digest()).toString("hex") !== packId)
    throw corrupt(`pack ${packId} is not what its name says: it gets no parity`);
  return encoder.finish();
}

/**
 * The same for a pack that lies in memory and was given its name from these very bytes, which is not computed again.
 * Waits for nothing, so that a thread can do it.
 */
export function encodePartsParity(
  parts: readonly Uint8Array[],
  { sums, ...input }: ParityInput & { sums?: StripeSums },
): Uint8Array[] {
  const { blockBytes = limits.chunk } = input;
  const packBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const encoder = createParityEncoder(packBytes, input, sums);
  const block = new Uint8Array(blockBytes);
  let held = 0;
  for (const part of parts)
    for (let at = 0; at < part.length; ) {
      const piece = part.subarray(at, at + blockBytes - held);
      block.set(piece, held);
      at += piece.length;
      held += piece.length;
      if (held < blockBytes) continue;
      encoder.add(block);
      held = 0;
    }
  if (held > 0) encoder.add(block.subarray(0, held));
  return encoder.finish();
}
