import { Fault } from "@locum/contracts";
import type { Durable } from "@locum/coordination";
import type { Clock } from "@locum/runtime";

export type WaitingOrders = {
  /** Resolves with the stored state that the order is in. */
  wait(isStored: (durable: Durable) => boolean): Promise<Durable>;
  /** This state is on disk. */
  stored(durable: Durable): void;
};

/** Callers that may be answered only when what they asked for would survive a crash. */
export function createWaitingOrders({
  clock,
  waitMsMax,
  isObserveOnly,
}: {
  clock: Clock;
  waitMsMax: number;
  isObserveOnly: () => boolean;
}): WaitingOrders {
  const waiting = new Set<{ isStored: (durable: Durable) => boolean; resolve: (durable: Durable) => void }>();
  return {
    async wait(isStored) {
      if (isObserveOnly()) throw notLeading();
      const { promise, resolve, reject } = Promise.withResolvers<Durable>();
      const entry = { isStored, resolve };
      waiting.add(entry);
      const over = new AbortController();
      void clock
        .sleep(waitMsMax, over.signal)
        .then(() => reject(isObserveOnly() ? notLeading() : notStored(waitMsMax)));
      return promise.finally(() => {
        over.abort();
        waiting.delete(entry);
      });
    },
    stored(durable) {
      for (const { isStored, resolve } of waiting) if (isStored(durable)) resolve(durable);
    },
  };
}

const notStored = (waitedMs: number): Fault =>
  new Fault("storage-failed", `the order was not stored within ${waitedMs} ms; it may be yet`, {
    hint: "Repeat it with the same Idempotency-Key: it is done once.",
  });

const notLeading = (): Fault =>
  new Fault(
    "not-leader",
    "this collector only observes: it has seen decisions that its store does not hold",
    {
      hint: "Ask the collector that leads. If there is none, the store was put back to an older state: see the audit log.",
    },
  );
