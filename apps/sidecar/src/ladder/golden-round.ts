import type { Ask } from "@locum/coordination";
import type { Pace } from "./golden-pace.ts";

export type GoldenRound = {
  /** What the judge wants to know at once. */
  ask(ask: Extract<Ask, { kind: "golden" | "another-golden" | "all-goldens" }>): void;
  /** Asks what is due by the pace. True where a full round was begun. */
  tick(pace: Pace): boolean;
  /** Two different ones, now: two that fail are a proof. */
  askTwo(): void;
  /** The whole set once more, before everything else; what runs is not awaited. */
  askAll(): void;
  /** Answers of questions that run now are about a model that is being replaced: they are not told. */
  reset(): void;
  /** None is started while an act of repair says so. */
  pause(on: boolean): void;
  inflight(): { count: number; oldestMs: number | undefined };
};

/** Never more questions at the server than this: a golden must not be the load that it measures. */
const inflightMax = 2;

/**
 * The queue of goldens of one instance: each at most once in it, suspicions in front. Two different ones asked side by
 * side are wanted, for two that fail are a proof.
 */
export function createGoldenRound({
  ids,
  perform,
  clock,
  budget = () => true,
}: {
  /** The set to ask, in rotation order. */
  ids: () => readonly string[];
  /** Asks one and tells its answer, unless `isStale` says meanwhile that nobody wants it. Never throws. */
  perform: (id: string, isStale: () => boolean) => Promise<void>;
  clock: { monotonicMs(): number };
  /** Takes one question from the daily allowance; false where it is spent. */
  budget?: () => boolean;
}): GoldenRound {
  const urgent: string[] = [];
  const due: string[] = [];
  const running = new Map<string, number>();
  let era = 0;
  let paused = false;
  let cursor = 0;
  let lastMs = Number.NEGATIVE_INFINITY;

  const run = (id: string): void => {
    const startedEra = era;
    running.set(id, clock.monotonicMs());
    void perform(id, () => era !== startedEra).finally(() => {
      running.delete(id);
      pump();
    });
  };
  const pump = (): void => {
    while (!paused && running.size < inflightMax) {
      const id = takeNext(urgent, running) ?? takeNext(due, running);
      if (id === undefined) return;
      if (ids().includes(id) && budget()) run(id);
    }
  };
  const front = (id: string): void => {
    if (!urgent.includes(id)) urgent.push(id);
    const at = due.indexOf(id);
    if (at >= 0) due.splice(at, 1);
  };
  const back = (id: string): void => {
    if (!urgent.includes(id) && !due.includes(id)) due.push(id);
  };
  /** The rotation's next one that is neither asked nor waiting to be. */
  const another = (not: string): string | undefined => {
    const set = ids();
    for (let step = 0; step < set.length; step += 1) {
      const id = set[(cursor + step) % set.length];
      if (id === undefined || id === not || urgent.includes(id) || running.has(id)) continue;
      cursor = (cursor + step + 1) % set.length;
      return id;
    }
    return undefined;
  };
  const all = (): void => {
    lastMs = clock.monotonicMs();
    for (const id of ids()) back(id);
    pump();
  };

  return {
    ask(ask) {
      if (ask.kind === "all-goldens") return all();
      const id = ask.kind === "golden" ? ask.id : another(ask.not);
      if (id !== undefined) front(id);
      pump();
    },
    tick({ kind, everyMs }) {
      if (paused || ids().length === 0 || clock.monotonicMs() - lastMs < everyMs) return false;
      // The last round is still at work: another one would only lengthen the queue.
      if (urgent.length + due.length > 0) return false;
      if (kind === "round") {
        all();
        return true;
      }
      lastMs = clock.monotonicMs();
      const id = another("");
      if (id !== undefined) back(id);
      pump();
      return false;
    },
    askTwo() {
      for (const id of [another(""), another("")]) if (id !== undefined) front(id);
      pump();
    },
    askAll: all,
    reset() {
      era += 1;
      urgent.length = 0;
      due.length = 0;
    },
    pause(on) {
      paused = on;
      pump();
    },
    inflight: () => ({
      count: running.size,
      oldestMs: running.size === 0 ? undefined : Math.min(...running.values()),
    }),
  };
}

function takeNext(queue: string[], running: ReadonlyMap<string, number>): string | undefined {
  const at = queue.findIndex((id) => !running.has(id));
  return at < 0 ? undefined : queue.splice(at, 1)[0];
}
