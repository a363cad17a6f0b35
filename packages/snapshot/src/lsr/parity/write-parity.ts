import type { ByteSource } from "../byte-source.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { encodeParity, type ParityInput } from "./encode-parity.ts";
import { parityPath } from "./parity-path.ts";

/**
 * Puts a pack's parity beside it. False where a file of that name is: it stays, whatever it holds.
 * @throws as `encodeParity`, and disk-full · storage-failed · refused
 */
export async function writeParity(
  pack: ByteSource,
  { store, ...input }: ParityInput & { store: BlobStore },
): Promise<boolean> {
  return store.create(parityPath(input.packId), await encodeParity(pack, input));
}
