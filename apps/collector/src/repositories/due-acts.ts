import type { Clock } from "@locum/runtime";
import type { Act } from "./keep-repository.ts";

/** An act that fails again and again is tried less and less often, up to once an hour. */
const retryMs = { base: 60_000, cap: 3_600_000 };

/** What is to be done, each once however often it is asked for. */
export type DueActs = {
  /** Also at once, where it waits for another try. */
  add(act: Act): void;
  /** The first that may be tried now, and was not tried in this round. */
  next(tried: ReadonlySet<Act>): Act | undefined;
  begin(act: Act): void;
  end(act: Act, outcome: "done" | "failed" | "failed for good"): void;
  /** What runs or waits. */
  pending(): ReadonlySet<Act>;
};

export function createDueActs(clock: Pick<Clock, "monotonicMs">): DueActs {
  const due = new Set<Act>();
  const failures = new Map<Act, { count: number; untilMs: number }>();
  let running: Act | null = null;
  return {
    add(act) {
      due.add(act);
      failures.delete(act);
    },
    next: (tried) =>
      [...due].find((act) => !tried.has(act) && (failures.get(act)?.untilMs ?? 0) <= clock.monotonicMs()),
    begin(act) {
      due.delete(act);
      running = act;
    },
    end(act, outcome) {
      running = null;
      const count = (failures.get(act)?.count ?? 0) + 1;
      // Asked for meanwhile it is due as if it had never failed.
      if (outcome !== "failed" || due.has(act)) {
        failures.delete(act);
        return;
      }
      due.add(act);
      const waitMs = Math.min(retryMs.cap, retryMs.base * 2 ** (count - 1));
      failures.set(act, { count, untilMs: clock.monotonicMs() + waitMs });
    },
    pending: () => new Set(running ? [...due, running] : due),
  };
}
