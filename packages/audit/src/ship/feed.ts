import type { Batch } from "./batches-of.ts";
import { batchesOf } from "./batches-of.ts";
import type { CursorState } from "./cursor.ts";
import type { Problems } from "./problems.ts";
import type { ShipClock } from "./ship-clock.ts";
import type { Wake } from "./wake.ts";

/** How far ahead is written down as sent: once in so many records, for it must be on disk before they are sent. */
const strideOf = 20_000;
const batchesMax = 4;
/** How many batches the first one that is not done may be behind: what ended after it is kept in mind. */
const aheadMax = 100;
const pollMs = 1000;

/**
 * Reads the log from the cursor on, for ever, and starts a batch whenever one of four places is free: what is in memory
 * is bounded whatever the backlog. Rejects when the shipper closes.
 */
export async function feed({
  state,
  lines,
  head,
  logId,
  batch: limits = { countMax: 1000, bytesMax: 4_194_304 },
  save,
  run,
  idle,
  wake,
  problems,
  clock,
  signal,
}: {
  state: CursorState;
  lines: (first: number) => AsyncIterable<string>;
  head: () => { seq: number };
  logId: string;
  batch?: { countMax: number; bytesMax: number } | undefined;
  /** Saves the cursor, however long it takes. */
  save: () => Promise<void>;
  /** Resolves when every record of the batch is accounted for. */
  run: (batch: Batch) => Promise<void>;
  idle: () => Promise<void>;
  wake: Wake;
  problems: Problems;
  clock: ShipClock;
  signal: AbortSignal;
}): Promise<never> {
  let next = state.next;
  const running = new Set<Promise<void>>();
  const start = async (batch: Batch): Promise<void> => {
    const isFarAhead = (): boolean => batch.first - state.next > aheadMax * limits.countMax;
    while (running.size >= batchesMax || (running.size > 0 && isFarAhead())) await Promise.race(running);
    signal.throwIfAborted();
    next = batch.first + batch.items.length;
    if (next > state.sentTo) {
      state.sentTo = next + strideOf;
      await save();
    }
    const one = run(batch).finally(() => running.delete(one));
    running.add(one);
  };

  try {
    for (;;) {
      signal.throwIfAborted();
      const last = head().seq;
      const first = next;
      try {
        if (first <= last)
          for await (const batch of batchesOf(lines(first), { first, last, logId, ...limits }))
            await start(batch);
        problems.clear("log");
      } catch (error) {
        signal.throwIfAborted();
        problems.set("log", "log-unreadable", `the log cannot be read on: ${(error as Error).message}`);
        await clock.sleep(pollMs, signal);
      }
      await idle();
      if (next > head().seq || next === first) await wake.sleep(pollMs);
    }
  } finally {
    await Promise.allSettled(running);
  }
}
