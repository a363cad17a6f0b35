import type { Item } from "./batches-of.ts";
import type { CursorState } from "./cursor.ts";
import type { Problems } from "./problems.ts";
import type { Tally } from "./progress.ts";
import { type Reconciled, type ReconcileOptions, reconcile } from "./reconcile.ts";
import type { ShipClock } from "./ship-clock.ts";
import type { ShipNote } from "./ship-note.ts";
import type { Wake } from "./wake.ts";

const block = 10_000;
/** Of the records that were looked at before, so many are looked at again each time, in turn. */
const sweepLength = 100 * block;
const dayMs = 86_400_000;
/** A server that comes and goes is not counted each time. */
const pauseMs = 10_000;
const pollMs = 1000;

type Options = {
  state: CursorState;
  reconcileMs: number;
  due: Wake;
  /** Nothing waits to be shipped. */
  drained: () => boolean;
  asking: Omit<ReconcileOptions, "wallMs" | "lettersFrom" | "resend"> & {
    resend: (items: readonly Item[]) => Promise<Tally>;
  };
  save: () => Promise<void>;
  note: (note: ShipNote) => Promise<void>;
  problems: Problems;
  clock: ShipClock;
  say: (level: "info" | "warn" | "error", message: string, facts?: Record<string, unknown>) => void;
  signal: AbortSignal;
};

/**
 * Looks at the counts when it starts, now and then, and after each outage; each time once what waited is shipped.
 * Rejects when it closes.
 */
export async function reconcileForever({ due, reconcileMs, ...options }: Options): Promise<never> {
  const { drained, clock, signal, say } = options;
  for (;;) {
    while (!drained() && !signal.aborted) await clock.sleep(pollMs, signal);
    signal.throwIfAborted();
    try {
      await reconcileOnce(options);
    } catch (error) {
      signal.throwIfAborted();
      say("error", "the audit log's copy was not counted", { error });
    }
    await clock.sleep(pauseMs, signal);
    await due.sleep(reconcileMs);
  }
}

async function reconcileOnce({
  state,
  asking,
  save,
  note,
  problems,
  clock,
  say,
}: Omit<Options, "due" | "reconcileMs">): Promise<void> {
  const end = state.next - 1;
  if (end < 0) return;
  const { ranges, sweep } = rangesOf(state, end);
  const resend = async (items: readonly Item[]): Promise<void> => correct(state, await asking.resend(items));
  const lettersFrom = state.letters.from;
  const found = await reconcile(ranges, { ...asking, resend, lettersFrom, wallMs: clock.wallMs() });
  if (!found) return;
  state.sweep = sweep;
  state.reconciled = { seq: end, atMs: clock.wallMs(), resent: found.resent };
  const tooMany = found.doubled + found.foreign;
  if (tooMany > 0)
    problems.set(
      "copy",
      "es-doubled",
      `${tooMany} documents are more than the log has: locum audit verify names them`,
    );
  else problems.clear("copy");
  const isNews = found.resent > found.own || tooMany > 0;
  if (isNews) say("warn", "the audit log's copy was not whole", { count: found.resent });
  if (isNews || Math.abs(clock.wallMs() - state.toldAtMs) >= dayMs) {
    await note({ kind: "audit.reconcile", reason: reasonOf(found), facts: factsOf(found, end) });
    state.toldAtMs = clock.wallMs();
  }
  await save();
}

/** What came since, and a part of what was looked at before. */
function rangesOf(
  state: CursorState,
  end: number,
): { ranges: { first: number; last: number }[]; sweep: number } {
  const seen = (state.reconciled?.seq ?? -1) + 1;
  // The block that was not whole the last time is looked at again.
  const first = seen - (seen % block);
  const ranges = first <= end ? [{ first, last: end }] : [];
  const sweep = state.sweep < first ? state.sweep : 0;
  const last = Math.min(first - 1, sweep + sweepLength - 1);
  if (last >= sweep) ranges.unshift({ first: sweep, last });
  return { ranges, sweep: last >= first - 1 ? 0 : last + 1 };
}

/** What is sent again was counted as acked, and may end otherwise this time. */
function correct(state: CursorState, { counts, own }: Tally): void {
  for (const fate of ["quarantined", "rejected"] as const) {
    state.counts.acked -= counts[fate];
    state.counts[fate] += counts[fate];
    state.told[fate] += own[fate];
  }
  state.counts.differing += counts.differing;
}

const reasonOf = ({ resent, doubled, foreign }: Reconciled): string =>
  resent + doubled + foreign === 0
    ? "the copy has every record once"
    : "the copy was compared with the log: it was not whole";

const factsOf = ({ resent, doubled, foreign, expired }: Reconciled, upTo: number): ShipNote["facts"] => ({
  count: resent,
  doubled,
  foreign,
  expired,
  upTo,
});
