import type { BlobStore } from "../store/blob-store.ts";

/** The storage's clock, and when each name was created by it; outlives a crash as the storage does. */
export type Timed = { nowMs: number; times: Map<string, number> };

/** The same storage with a clock that the test sets: a file system in memory has none. */
export const timedStore = (store: BlobStore, time: Timed): BlobStore => ({
  ...store,
  async create(name, parts) {
    const before = time.times.get(name);
    time.times.set(name, time.nowMs);
    const isNew = await store.create(name, parts);
    if (!isNew && before !== undefined) time.times.set(name, before);
    return isNew;
  },
  async *list(prefix) {
    for await (const blob of store.list(prefix))
      yield { ...blob, modifiedMs: time.times.get(blob.name) ?? blob.modifiedMs };
  },
});
