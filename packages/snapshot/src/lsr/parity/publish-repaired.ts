import { corrupt } from "../corrupt.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import { isPackIntact } from "../pack/is-pack-intact.ts";
import { packPath } from "../pack/pack-path.ts";
import { type BlobStore, blobSource } from "../store/blob-store.ts";

type Target = { store: BlobStore; hash: KeyedHash; beforeRemove?: () => Promise<void> };

const stagedPath = (packId: string): string => `damaged/${packId}.repaired`;

/**
 * Puts whole bytes in the place of damaged ones. A name cannot be given to other bytes in one step, so that the order is:
 *
 * 1. the whole bytes, durable under another name, and read back
 * 2. the damaged pack is removed
 * 3. the whole bytes get the pack's name, and are read back
 * 4. the other name is removed
 *
 * Before 2 everything is as it was, after it the whole bytes are in the storage: who stops there is found by
 * `unfinishedHeals`. Without `parts` only 4 is left to do.
 */
export async function publishRepaired(target: Target, packId: string, parts?: Uint8Array[]): Promise<void> {
  const { store, beforeRemove } = target;
  const [name, staged] = [packPath(packId), stagedPath(packId)];
  if (parts) {
    await stage(target, packId, parts);
    if ((await store.size(name)) !== undefined) {
      await beforeRemove?.();
      await store.remove(name);
    }
    await store.create(name, parts);
    if (!(await isWholeAt(target, name, packId)))
      throw corrupt(`${name} was written again and does not read back; a whole copy is ${staged}`);
  }
  if ((await store.size(staged)) !== undefined) await store.remove(staged);
}

/** The whole bytes that an earlier run left; what is not whole is nothing. */
export async function readStaged({ store, hash }: Target, packId: string): Promise<Uint8Array[] | undefined> {
  const name = stagedPath(packId);
  if (!(await isWholeAt({ store, hash }, name, packId))) return undefined;
  const bytes = (await store.size(name)) ?? 0;
  return [await store.read(name, 0, bytes)];
}

/** Packs whose healing was stopped between two steps, by the name that `healPack` takes. */
export async function* unfinishedHeals(store: BlobStore): AsyncGenerator<string> {
  for await (const { name } of store.list("damaged/")) {
    const packId = /^damaged\/([0-9a-f]{64})\.repaired$/.exec(name)?.[1];
    if (packId) yield packPath(packId);
  }
}

async function stage(target: Target, packId: string, parts: Uint8Array[]): Promise<void> {
  const [{ store }, name] = [target, stagedPath(packId)];
  if (!(await store.create(name, parts)) && !(await isWholeAt(target, name, packId))) {
    await store.remove(name);
    await store.create(name, parts);
  }
  if (!(await isWholeAt(target, name, packId)))
    throw corrupt(`${name} does not read back; the damaged pack stays where it is`);
}

async function isWholeAt({ store, hash }: Target, name: string, packId: string): Promise<boolean> {
  const bytes = await store.size(name);
  if (bytes === undefined || bytes > limits.pack) return false;
  return isPackIntact(blobSource(store, { name, bytes }), packId, hash);
}
