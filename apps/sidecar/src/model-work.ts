import { judgedAs } from "@locum/coordination";
import type { TapEvent } from "./tap/tap-event.ts";

export type ModelWork = {
  observe(event: TapEvent): void;
  /** A golden of this model was answered. */
  answered(model: string): void;
  /** Everything that shows that a judged model works; only grows. */
  completed(model: string): number;
  /** Requests of these models that the own server holds. */
  inflight(models: readonly string[]): number;
};

/** What finishes and what waits at the own server, of each judged model by itself. Other names are not counted. */
export function createModelWork({
  ownId,
  judged,
}: {
  ownId: string;
  judged: () => readonly string[];
}): ModelWork {
  const completed = new Map<string, number>();
  const inflight = new Map<string, number>();
  const add = (counts: Map<string, number>, name: string, by: number): void => {
    counts.set(name, Math.max(0, (counts.get(name) ?? 0) + by));
  };
  return {
    observe(event) {
      if (event.kind !== "started" && event.kind !== "first-byte" && event.kind !== "outcome") return;
      if (event.target !== ownId || event.model === undefined) return;
      const names = judged();
      if (names.length === 0) return inflight.clear();
      for (const name of judgedAs(names, event.model)) {
        if (event.kind === "started") add(inflight, name, 1);
        else if (event.kind === "outcome") add(inflight, name, -1);
        if (event.kind === "first-byte" || (event.kind === "outcome" && event.outcome === "ok"))
          add(completed, name, 1);
      }
    },
    answered: (model) => add(completed, model, 1),
    completed: (model) => completed.get(model) ?? 0,
    inflight: (models) => models.reduce((sum, name) => sum + (inflight.get(name) ?? 0), 0),
  };
}
