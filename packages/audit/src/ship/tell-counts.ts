import type { CursorState } from "./cursor.ts";
import type { ShipClock } from "./ship-clock.ts";
import type { ShipNote } from "./ship-note.ts";

const everyMs = 60_000;

/**
 * Notes what was refused and what differs, once a minute at most, however many there are. What was told is saved with
 * the cursor: a crash tells it again, and never forgets it.
 */
export function createTeller({
  state,
  clock,
  note,
}: {
  state: CursorState;
  clock: ShipClock;
  note: (note: ShipNote) => Promise<void>;
}): () => Promise<void> {
  let toldMs = Number.NEGATIVE_INFINITY;
  let isTelling = false;
  return async () => {
    const { counts, told } = state;
    const refused = counts.rejected + counts.quarantined - told.rejected - told.quarantined;
    const differing = counts.differing - told.differing;
    if (isTelling || (refused <= 0 && differing <= 0) || clock.monotonicMs() - toldMs < everyMs) return;
    isTelling = true;
    const now = { ...counts };
    try {
      if (refused > 0)
        await note({
          kind: "audit.reject",
          reason: "records are not in the stream as they are: each has a dead letter",
          facts: {
            count: refused,
            rejected: now.rejected - told.rejected,
            quarantined: now.quarantined - told.quarantined,
          },
        });
      if (differing > 0)
        await note({
          kind: "audit.differ",
          reason: "documents are not the records that the log has: somebody changed them",
          facts: { count: differing },
        });
      toldMs = clock.monotonicMs();
      // What was told meanwhile of the shipper's own notes is above.
      for (const name of ["quarantined", "rejected", "differing"] as const)
        told[name] = Math.max(told[name], now[name]);
    } finally {
      isTelling = false;
    }
  };
}
