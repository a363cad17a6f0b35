import { Fault } from "@locum/contracts";
import type { Clock, Log } from "@locum/runtime";
import type { Problem } from "./account.ts";
import type { RepositoryJobs, Seen } from "./repository-jobs.ts";

/** What a repository looked like when it answered last, and whether it does. */
export type RepositoryWatch = {
  /** Throws nothing: that it cannot be used is what it then knows. */
  look(): Promise<void>;
  seen(): Seen | null;
  problem(): Problem | null;
  /** Looks in a row that failed. */
  failures(): number;
};

export function watchRepository({
  place,
  jobs,
  clock,
  say,
  signal,
}: {
  place: string;
  jobs: Pick<RepositoryJobs, "look">;
  clock: Pick<Clock, "wallMs">;
  say: Log;
  signal: AbortSignal;
}): RepositoryWatch {
  let [seen, problem, failures]: [Seen | null, Problem | null, number] = [null, null, 0];
  return {
    async look() {
      try {
        const found = await jobs.look();
        if (problem) say("info", "the repository of snapshots answers again", { place });
        [seen, problem, failures] = [found, null, 0];
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        const { code, message } =
          error instanceof Fault ? error : new Fault("internal", String(error), { cause: error });
        if (problem?.code !== code)
          say("warn", "the repository of snapshots cannot be used", { place, error });
        problem = { code, detail: message, sinceMs: problem?.sinceMs ?? clock.wallMs() };
      }
    },
    seen: () => seen,
    problem: () => problem,
    failures: () => failures,
  };
}
