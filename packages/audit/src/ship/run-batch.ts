import type { Batch, Item } from "./batches-of.ts";
import type { ServerExchange } from "./create-exchange.ts";
import type { Keeper } from "./keep-letters.ts";
import type { Problems } from "./problems.ts";
import { noCounts, type Progress, type Tally } from "./progress.ts";
import { countFate, type Fate, shipBatch } from "./ship-batch.ts";
import type { ShipClock } from "./ship-clock.ts";
import { isOwnNote } from "./ship-note.ts";

export type Runner = {
  /** Resolves when every record is accounted for. Rejects when the shipper closes. */
  run(batch: Batch): Promise<void>;
  /** The same for records that were accounted for before, and were not there. */
  resend(items: readonly Item[]): Promise<Tally>;
  /** Requests that were sent again. */
  retries(): number;
};

/** A defect must not stop the copy, nor spin. */
const defectMs = 30_000;
const savedEvery = 8;

export function createRunner({
  exchange,
  keeper,
  progress,
  problems,
  logId,
  before,
  save,
  clock,
  signal,
}: {
  exchange: ServerExchange;
  keeper: Keeper;
  progress: Progress;
  problems: Problems;
  logId: string;
  /** Records below `sentTo` may have been sent before this process started. */
  before: { sentTo: number };
  save: () => Promise<void>;
  clock: ShipClock;
  signal: AbortSignal;
}): Runner {
  let retries = 0;
  let unsaved = 0;
  const ship = async (items: readonly Item[], doubtTo: number): Promise<Tally> => {
    const tally: Tally = { counts: noCounts(), own: noCounts() };
    const settled = ({ line }: Item, fate: Fate): void => {
      countFate(tally.counts, fate);
      if (fate !== "acked" && isOwnNote(line)) countFate(tally.own, fate);
    };
    const { send, standing } = exchange;
    const retried = (): void => {
      retries += 1;
    };
    await shipBatch(
      items,
      { send, standing, keep: keeper.keep, settled, retried },
      { logId, sentTo: doubtTo, letters: keeper.known },
    );
    return tally;
  };
  /** Saving waits for nobody, and nobody waits for it. */
  const saveSoon = (): void => {
    unsaved += 1;
    if (unsaved < savedEvery && progress.underWay() > 0) return;
    unsaved = 0;
    save().catch(() => {});
  };
  return {
    async run({ first, items }) {
      progress.begin(first);
      for (let doubtTo = before.sentTo; ; doubtTo = Number.POSITIVE_INFINITY) {
        try {
          const tally = await ship(items, doubtTo);
          problems.clear("defect");
          progress.end(first, items.length, tally);
          saveSoon();
          return;
        } catch (error) {
          signal.throwIfAborted();
          problems.set(
            "defect",
            "internal",
            `records from ${first} on: ${(error as Error).message}`.slice(0, 500),
          );
          await clock.sleep(defectMs, signal);
          signal.throwIfAborted();
        }
      }
    },
    resend: (items) => ship(items, 0),
    retries: () => retries,
  };
}
