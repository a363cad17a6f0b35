import { Fault } from "@locum/contracts";
import type { Problems } from "./problems.ts";
import type { ShipClock } from "./ship-clock.ts";

/** Writes to the disk until it takes it; what is not written is not lost, for the log has it. Rejects on closing. */
export type Persist = <T>(work: () => Promise<T>) => Promise<T>;

export function createPersist({
  problems,
  clock,
  random,
  signal,
}: {
  problems: Problems;
  clock: ShipClock;
  random: { next(): number };
  signal: AbortSignal;
}): Persist {
  return async (work) => {
    for (;;) {
      try {
        const result = await work();
        problems.clear("disk");
        return result;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const known = error.code === "disk-full" || error.code === "conflict";
        problems.set("disk", known ? error.code : "storage-failed", error.message);
        await clock.sleep(1000 + random.next() * 4000, signal);
        signal.throwIfAborted();
      }
    }
  };
}
