import type { Incident } from "@locum/contracts";
import type { Durable } from "@locum/coordination";
import type { Clock, Log } from "@locum/runtime";
import type { Timeless } from "./drive.ts";
import type { Store } from "./store.ts";

export type DecisionWriter = {
  /** Tries until the store has answered yes or no, and puts the answer. */
  swap(durable: Durable): Promise<void>;
  /** Soon, and again if the disk refuses; the latest of an id is what counts. */
  saveIncident(incident: Incident): void;
  retry(): void;
  /** What the store says against writing; null while it writes. */
  fault(): string | null;
  idle(): Promise<void>;
  stop(): void;
};

/**
 * Brings decisions of one service into the store. A write that failed may still be there: it is asked again until
 * that is known, and the core withholds its commands meanwhile, for only a refusal means that another one leads.
 */
export function createDecisionWriter({
  service,
  store,
  clock,
  say,
  put,
  againMs = 500,
}: {
  service: string;
  store: Pick<Store, "swapService" | "putIncident">;
  clock: Clock;
  say: Log;
  put: (input: Timeless) => void;
  againMs?: number;
}): DecisionWriter {
  const unsaved = new Map<string, Incident>();
  let lane: Promise<void> = Promise.resolve();
  let fault: string | null = null;
  let stopped = false;

  const refused = (error: unknown): void => {
    if (!fault)
      say("error", "a decision could not be stored: nothing is commanded until it is", { service, error });
    fault = error instanceof Error ? error.message : String(error);
  };
  const saveAll = async (): Promise<void> => {
    for (const [id, incident] of [...unsaved]) {
      try {
        await store.putIncident(incident);
        fault = null;
        if (unsaved.get(id) === incident) unsaved.delete(id);
      } catch (error) {
        return refused(error);
      }
    }
  };
  const queueSave = (): void => {
    if (unsaved.size > 0 && !stopped) lane = lane.then(saveAll);
  };
  return {
    async swap(durable) {
      while (!stopped) {
        try {
          const swapped = await store.swapService(service, durable);
          fault = null;
          const found = swapped.ok ? null : swapped.found;
          return put({ kind: "stored", version: durable.version, ok: swapped.ok, found });
        } catch (error) {
          refused(error);
          await clock.sleep(againMs);
        }
      }
    },
    saveIncident(incident) {
      unsaved.set(incident.id, incident);
      queueSave();
    },
    retry: queueSave,
    fault: () => fault,
    idle: () => lane,
    stop: () => {
      stopped = true;
    },
  };
}
