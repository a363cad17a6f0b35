import type { SnapshotFile } from "../write-snapshot.ts";
import type { Capture, Settled } from "./capture.ts";

/**
 * Several trees as one, whose prefixes keep their paths apart. It stands when all of them do in one round of looks: one
 * that has stood is looked at again while another is read.
 */
export function joinCaptures(captures: readonly Capture[]): Capture {
  return {
    files: captures.flatMap(({ files }) => files),
    async settle() {
      const again: SnapshotFile[] = [];
      const settled: Settled[] = [];
      for (const capture of captures) {
        const next = await capture.settle();
        if ("whole" in next) settled.push(next);
        else again.push(...next.again);
      }
      if (again.length > 0) return { again };
      return {
        again: [],
        whole: new Set(settled.flatMap(({ whole }) => [...whole])),
        others: settled.flatMap(({ others }) => others),
        left: settled.flatMap(({ left }) => left),
        torn: settled.some(({ torn }) => torn),
      };
    },
    async close() {
      for (const capture of captures) await capture.close();
    },
  };
}
