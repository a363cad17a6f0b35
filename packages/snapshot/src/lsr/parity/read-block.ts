import { Fault } from "@locum/contracts";
import type { ByteSource } from "../byte-source.ts";

/**
 * A block of a file that may be damaged: `length` bytes from `at`, zeros from `end` and from where the file ends, as if
 * it were whole. Its hash then says whether it is. Undefined where the storage cannot read it, as a failed sector.
 * @throws Fault upstream-unreachable · refused · snapshot-missing: nothing is known about the block
 */
export async function readBlock(
  source: ByteSource,
  { at, length, end }: { at: number; length: number; end: number },
): Promise<Uint8Array | undefined> {
  const there = Math.max(0, Math.min(length, end - at, source.size - at));
  try {
    const bytes = there > 0 ? await source.read(at, there) : new Uint8Array();
    if (there === length) return bytes;
    const block = new Uint8Array(length);
    block.set(bytes);
    return block;
  } catch (error) {
    if (error instanceof Fault && ["storage-failed", "snapshot-corrupt"].includes(error.code))
      return undefined;
    throw error;
  }
}
