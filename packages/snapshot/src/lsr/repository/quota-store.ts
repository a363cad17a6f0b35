import { Fault } from "@locum/contracts";
import type { BlobStore } from "../store/blob-store.ts";

/**
 * The same storage for a writer that may fill it up to `quotaBytes`, `usedBytes` of them taken already: what would go
 * over is not written. What others write meanwhile is theirs to count.
 */
export function quotaStore(
  store: BlobStore,
  { usedBytes, quotaBytes }: { usedBytes: number; quotaBytes: number },
): BlobStore {
  let used = usedBytes;
  return {
    ...store,
    async create(name, parts) {
      const bytes = parts.reduce((sum, { length }) => sum + length, 0);
      if (used + bytes > quotaBytes)
        throw new Fault(
          "disk-full",
          `the repository's quota is ${quotaBytes} bytes, ${used} are taken, and ${name} has ${bytes}`,
          {
            hint: "Forget snapshots and prune, or raise the quota. What was written goes with the next prune.",
          },
        );
      // Before it is written: packs are written at the same time.
      used += bytes;
      try {
        const isNew = await store.create(name, parts);
        if (!isNew) used -= bytes;
        return isNew;
      } catch (error) {
        used -= bytes;
        throw error;
      }
    },
  };
}
