import type { BlobStore } from "@locum/snapshot/repository";

export type Stored = { packs: number; packBytes: number; bytes: number };

/** A store that tells what was new to it. What was written and removed again, an intent, counts for nothing. */
export function meteredStore(store: BlobStore): { store: BlobStore; stored: () => Stored } {
  const written = new Map<string, number>();
  return {
    store: {
      ...store,
      async create(name, parts) {
        const isNew = await store.create(name, parts);
        if (isNew)
          written.set(
            name,
            parts.reduce((sum, part) => sum + part.length, 0),
          );
        return isNew;
      },
      async remove(name) {
        await store.remove(name);
        written.delete(name);
      },
    },
    stored() {
      const packs = [...written].filter(([name]) => name.endsWith(".pk"));
      const sum = (list: readonly (readonly [string, number])[]) =>
        list.reduce((all, [, bytes]) => all + bytes, 0);
      return { packs: packs.length, packBytes: sum(packs), bytes: sum([...written]) };
    },
  };
}
