import { Fault } from "@locum/contracts";
import type { ListedSnapshot } from "../repository/list-snapshots.ts";

export type SnapshotAt = {
  snapshot: ListedSnapshot;
  /** How long before the asked time it was captured: what is lost. */
  lostMs: number;
  /** Snapshots so near to the asked time that clocks decide on which side they are. */
  uncertain: ListedSnapshot[];
  /**
   * How far the writer's clock is known to be ahead of the storage's, at least: nothing is stored before it is captured.
   * 0 where nothing speaks against it.
   */
  writerAheadMs: number;
};

/**
 * The newest snapshot of a model that was captured at or before a time and is not torn. Times of capture are those of
 * the writers' clocks: `slackMs` is how far these may be off, and what lies within it is named, not guessed.
 * @throws Fault snapshot-missing: there is none, and which is the oldest
 */
export function snapshotAt({
  snapshots,
  model,
  atMs,
  slackMs = 5000,
}: {
  snapshots: readonly ListedSnapshot[];
  model: string;
  atMs: number;
  slackMs?: number;
}): SnapshotAt {
  const whole = snapshots
    .filter(({ stub }) => stub.model === model && !stub.torn)
    .toSorted((a, b) => capturedMs(a) - capturedMs(b) || (a.id < b.id ? -1 : 1));
  const snapshot = whole.findLast((each) => capturedMs(each) <= atMs);
  if (!snapshot) {
    const oldest = whole[0]
      ? `the oldest whole one is of ${whole[0].stub.capturedAt}`
      : "there is no whole one";
    throw new Fault(
      "snapshot-missing",
      `no snapshot of ${model} at or before ${new Date(atMs).toISOString()}: ${oldest}`,
    );
  }
  return {
    snapshot,
    lostMs: atMs - capturedMs(snapshot),
    uncertain: whole.filter((each) => Math.abs(capturedMs(each) - atMs) <= slackMs),
    writerAheadMs: Math.max(0, capturedMs(snapshot) - snapshot.storedMs),
  };
}

const capturedMs = ({ stub }: ListedSnapshot): number => Date.parse(stub.capturedAt);
