import { assert } from "@locum/contracts";
import type { Counts, CursorState } from "./cursor.ts";
import type { ShipClock } from "./ship-clock.ts";

/** What became of a batch, by fate. `own` are records that the shipper noted itself. */
export type Tally = { counts: Counts; own: Counts };

export const noCounts = (): Counts => ({ acked: 0, quarantined: 0, rejected: 0, differing: 0 });

/**
 * Batches end in any order; the cursor moves over those at its front only, with their counts, so that what is saved
 * always agrees with itself.
 */
export type Progress = {
  begin(first: number): void;
  end(first: number, count: number, tally: Tally): void;
  /** Of everything that is accounted for, whether the cursor passed it or not. */
  counts(): Counts;
  accounted(): number;
  /** Batches begun and not ended. */
  underWay(): number;
  /** For how long the oldest record that waits has done so, up to a poll of the log. */
  oldestMs(): number;
  /** Nothing waits. */
  rest(): void;
  /** Whether the cursor has passed a record within the time. */
  reach(seq: number, options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean>;
};

export function createProgress({
  state,
  clock,
  moved,
}: {
  state: CursorState;
  clock: ShipClock;
  /** The cursor moved. */
  moved: () => void;
}): Progress {
  const begun = new Map<number, number>();
  const ended = new Map<number, { count: number; tally: Tally }>();
  let restedMs = clock.monotonicMs();
  const looks = new Set<() => void>();
  return {
    begin: (first) => void begun.set(first, clock.monotonicMs()),
    end(first, count, tally) {
      const { acked, quarantined, rejected } = tally.counts;
      assert(acked + quarantined + rejected === count, "each record of a batch is accounted for once");
      begun.delete(first);
      ended.set(first, { count, tally });
      if (first !== state.next) return;
      for (let front = ended.get(state.next); front; front = ended.get(state.next)) {
        ended.delete(state.next);
        state.next += front.count;
        add(state.counts, front.tally.counts);
        add(state.told, front.tally.own);
      }
      moved();
      for (const look of looks) look();
    },
    counts() {
      const counts = { ...state.counts };
      for (const { tally } of ended.values()) add(counts, tally.counts);
      return counts;
    },
    accounted: () => [...ended.values()].reduce((sum, { count }) => sum + count, state.next),
    underWay: () => begun.size,
    oldestMs: () => clock.monotonicMs() - (begun.size === 0 ? restedMs : Math.min(...begun.values())),
    rest() {
      restedMs = clock.monotonicMs();
    },
    async reach(seq, { timeoutMs, signal }) {
      const until = new AbortController();
      const look = (): void => {
        if (state.next > seq) until.abort();
      };
      looks.add(look);
      look();
      await clock.sleep(timeoutMs, AbortSignal.any([until.signal, signal]));
      looks.delete(look);
      return state.next > seq;
    },
  };
}

function add(to: Counts, more: Counts): void {
  to.acked += more.acked;
  to.quarantined += more.quarantined;
  to.rejected += more.rejected;
  to.differing += more.differing;
}
