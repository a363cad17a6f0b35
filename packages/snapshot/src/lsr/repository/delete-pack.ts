import { isPackIntact } from "../pack/is-pack-intact.ts";
import { packPath } from "../pack/pack-path.ts";
import { blobSource } from "../store/blob-store.ts";
import type { Copies } from "./choose-copies.ts";
import { markPath } from "./garbage-mark.ts";
import type { LoadedIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";

/**
 * The pack, then what lies beside it (parity, later stanzas), then its mark: while the mark is there, what is left of it
 * is found by the next run.
 */
export async function deletePack({ store }: Pick<Repository, "store">, id: string): Promise<void> {
  await store.remove(packPath(id));
  const beside = packPath(id).slice(0, -"pk".length);
  for await (const { name } of store.list(beside)) await store.remove(name);
  await store.remove(markPath(id));
}

/** Tells which packs are damaged of those that hold, in this one's place, what is needed of it. */
export function createReplacementCheck(
  { store, hash }: Pick<Repository, "store" | "hash">,
  { index, packs }: Pick<LoadedIndex, "index" | "packs">,
  { kept }: Copies,
): (id: string) => Promise<string[]> {
  const intact = new Map<string, boolean>();

  async function isIntact(id: string): Promise<boolean> {
    const blob = packs.get(id);
    const found = intact.get(id) ?? (blob ? await isPackIntact(blobSource(store, blob), id, hash) : false);
    intact.set(id, found);
    return found;
  }

  return async (id) => {
    const keepers = new Set<string>();
    for (const { chunkId } of index.entriesOf(id))
      for (const { pack, ordinal } of index.find(chunkId))
        if (pack !== id && kept.get(pack)?.has(ordinal)) keepers.add(pack);
    const damaged: string[] = [];
    for (const keeper of keepers) if (!(await isIntact(keeper))) damaged.push(keeper);
    return damaged;
  };
}
