import type { Metrics } from "@locum/runtime";
import type { SnapshotsView } from "./snapshot-story.ts";

/** What /metrics and the export show of the snapshots that this process took. */
export function createSnapshotMeter(metrics: Metrics): (seen: SnapshotsView) => void {
  const counts = metrics.gauge("locum.instance.snapshots", {
    help: "Snapshots taken into the repository, tries that failed, bytes stored",
    unit: "1",
  });
  const age = metrics.gauge("locum.instance.snapshot_age", {
    help: "Since the newest snapshot, and the newest good one, was taken here",
    unit: "ms",
  });
  return ({ taken, failures, storedBytes, newestAgeMs, goodAgeMs }) => {
    for (const [of, value] of Object.entries({ taken, failures, storedBytes })) counts.set(value, { of });
    for (const [of, value] of Object.entries({ newest: newestAgeMs, good: goodAgeMs }))
      if (value !== null) age.set(value, { of });
  };
}
