import type { KeyedHash } from "../crypto/keyed-hash.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { Pack } from "./build-pack.ts";
import { packPath } from "./pack-path.ts";
import { type BaseOf, openBuilt, readRecord } from "./read-pack.ts";

export type PackTarget = {
  store: BlobStore;
  hash: KeyedHash;
  baseOf?: BaseOf;
};

/**
 * Writes a pack after each of its records was opened, decoded and compared with its id, from the bytes that go out: a
 * defect of encoder, cipher or memory shows while the source is still there. Says whether the pack is new.
 * @throws Fault snapshot-corrupt: it does not read back; nothing was written · disk-full · storage-failed · refused
 */
export async function writePack(pack: Pack, { store, hash, baseOf }: PackTarget): Promise<boolean> {
  const open = await openBuilt(pack);
  for (const ordinal of open.entries.keys())
    await readRecord(open, ordinal, { hash, ...(baseOf && { baseOf }) });
  return store.create(packPath(pack.id), pack.parts);
}
