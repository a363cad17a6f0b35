import { Fault } from "@locum/contracts";

/**
 * Lets many callers share one flush: whatever arrives while a commit runs goes into the next one. A commit that fails
 * rejects its own batch only; the next one is tried as if nothing had been. Order is the order of the calls.
 */
export function createGroupCommit<T, R>({
  commit,
  batchMax = 256,
  waitingMax = 65_536,
}: {
  commit: (batch: readonly T[]) => Promise<R[]>;
  batchMax?: number;
  waitingMax?: number;
}): { push(item: T): Promise<R>; idle(): Promise<void> } {
  type Waiting = { item: T; resolve: (result: R) => void; reject: (error: unknown) => void };
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    // The turn that called may push more: they share the first flush too.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchMax);
      waiting = waiting.slice(batchMax);
      try {
        const results = await commit(batch.map(({ item }) => item));
        for (const [index, { resolve }] of batch.entries()) resolve(results[index] as R);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the last look at the queue: a push after this starts a new run.
    running = undefined;
  };
  return {
    push(item) {
      if (waiting.length >= waitingMax)
        return Promise.reject(new Fault("storage-failed", `${waitingMax} writes wait for the disk already`));
      return new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        running ??= run();
      });
    },
    async idle() {
      while (running) await running;
    },
  };
}
