import type { ByteSource } from "../byte-source.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { encodeParity, encodePartsParity, type ParityInput } from "./encode-parity.ts";
import { type ParityChoice, parityBlockBytes } from "./parity-block.ts";
import { parityPath } from "./parity-path.ts";
import type { StripeSums } from "./stripe-sums.ts";

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

/** The same for a pack that was just written from these parts. @throws Fault disk-full · storage-failed · refused */
export async function writePartsParity(
  pack: { id: string; parts: readonly Uint8Array[]; length: number },
  { store, ...choice }: ParityChoice & { store: BlobStore; hash: KeyedHash; sums?: StripeSums },
): Promise<boolean> {
  const blockBytes = parityBlockBytes(pack.length, choice.k);
  const parity = encodePartsParity(pack.parts, { ...choice, packId: pack.id, blockBytes });
  return store.create(parityPath(pack.id), parity);
}
