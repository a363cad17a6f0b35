import { type Digest, Fault } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { Parts } from "../parts.ts";
import type { TakenSnapshot } from "./take-snapshot.ts";

/** What this process did; of all that lies in the repository, the collector tells the ages. */
export type SnapshotsView = {
  repository: string;
  taken: number;
  failures: number;
  storedBytes: number;
  /** When the newest one was taken, and the newest whole one of a proven release. */
  newestAt: string | null;
  goodAt: string | null;
  newestAgeMs: number | null;
  goodAgeMs: number | null;
  /** Why the last try failed; null after one that did not. */
  problem: string | null;
};

export type SnapshotStory = {
  taken(
    snapshot: TakenSnapshot,
    about: { release: Digest | null; cause: string; tookMs: number },
  ): Promise<void>;
  /** One failure is told once, for as long as it is the same. */
  failed(error: unknown): void;
  view(): SnapshotsView;
};

/** Log, audit record and view of what the keeper does. */
export function createSnapshotStory({
  repository,
  record,
  clock,
  log,
}: {
  repository: string;
  record: Parts["record"];
  clock: Pick<Clock, "wallMs">;
  log: Log;
}): SnapshotStory {
  let seen: Omit<SnapshotsView, "newestAgeMs" | "goodAgeMs"> = {
    repository,
    taken: 0,
    failures: 0,
    storedBytes: 0,
    newestAt: null,
    goodAt: null,
    problem: null,
  };
  const ageOf = (at: string | null) => (at === null ? null : Math.max(0, clock.wallMs() - Date.parse(at)));
  return {
    async taken({ id, bytes, newBytes, torn, left }, { release, cause, tookMs }) {
      const at = new Date(clock.wallMs()).toISOString();
      seen = {
        ...seen,
        taken: seen.taken + 1,
        storedBytes: seen.storedBytes + newBytes,
        newestAt: at,
        goodAt: release ? at : seen.goodAt,
        problem: null,
      };
      const what = torn
        ? "torn: a source changed while it was read"
        : release
          ? "of a proven release"
          : "of files that are not proven";
      log("info", `a snapshot was taken, ${what}`, { path: repository, snapshot: id, release });
      if (left.length > 0) log("warn", "not everything is in the snapshot", { reason: left.join(", ") });
      await record({
        kind: "snapshot.take",
        reason: `a snapshot ${what}`,
        facts: { outcome: "done", snapshot: id, release, bytes, newBytes, torn, tookMs, cause },
      });
    },
    failed(error) {
      const problem = error instanceof Fault ? error.message : "it failed";
      if (problem !== seen.problem) {
        log("warn", "no snapshot could be taken; it is tried again", { path: repository, error });
        const code = error instanceof Fault ? error.code : "internal";
        void record({ kind: "snapshot.take", reason: problem, facts: { outcome: "failed", code } });
      }
      seen = { ...seen, failures: seen.failures + 1, problem };
    },
    view: () => ({ ...seen, newestAgeMs: ageOf(seen.newestAt), goodAgeMs: ageOf(seen.goodAt) }),
  };
}
