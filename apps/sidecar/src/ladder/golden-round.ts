import type { Ask } from "@locum/coordination";
import type { Pace } from "./golden-pace.ts";
import { createGoldenPause, type Models } from "./golden-pause.ts";

export type GoldenRound = {
  /** What the judge wants to know at once. */
  ask(ask: Extract<Ask, { kind: "golden" | "another-golden" | "all-goldens" }>): void;
  /** Asks what is due by the pace, of a part of the set with a pace of its own. True where a full round was begun. */
  tick(pace: Pace, part?: { name: string; ids: readonly string[] }): boolean;
  /** Two different ones, now: two that fail are a proof. */
  askTwo(): void;
  /** The whole set once more, before everything else; what runs is not awaited. */
  askAll(): void;
  /** Answers of questions that run now are about a model that is being replaced: they are not told. */
  reset(models?: Models): void;
  /** None is started while an act of repair says so. */
  pause(on: boolean, models?: Models): void;
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
  modelOf = () => undefined,
  budget = () => true,
}: {
  /** The set to ask, in rotation order. */
  ids: () => readonly string[];
  /** Asks one and tells its answer, unless `isStale` says meanwhile that nobody wants it. Never throws. */
  perform: (id: string, isStale: () => boolean) => Promise<void>;
  clock: { monotonicMs(): number };
  /** Whom a golden asks, where there are several. */
  modelOf?: (id: string) => string | undefined;
  /** Takes one question from the daily allowance; false where it is spent. */
  budget?: () => boolean;
}): GoldenRound {
  const urgent: string[] = [];
  const due: string[] = [];
  const running = new Map<string, number>();
  const pauses = createGoldenPause(modelOf);
  const { isPaused, isWhole, eraOf, belongsTo } = pauses;
  const lastMs = new Map<string, number>();
  let cursor = 0;

  const run = (id: string): void => {
    const startedEra = eraOf(id);
    running.set(id, clock.monotonicMs());
    void perform(id, () => eraOf(id) !== startedEra).finally(() => {
      running.delete(id);
      pump();
    });
  };
  const pump = (): void => {
    while (!isWhole() && running.size < inflightMax) {
      const id = takeNext(urgent, running) ?? takeNext(due, running);
      if (id === undefined) return;
      if (!isPaused(id) && ids().includes(id) && budget()) run(id);
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
  const another = (not: string, isWanted: (id: string) => boolean = () => true): string | undefined => {
    const isFree = (id: string) => id !== not && !urgent.includes(id) && !running.has(id) && !isPaused(id);
    const found = nextFrom(ids(), cursor, (id) => isFree(id) && isWanted(id));
    if (found) cursor = found.next;
    return found?.id;
  };
  const all = (part = "", of: readonly string[] = ids()): void => {
    lastMs.set(part, clock.monotonicMs());
    for (const id of of) back(id);
    pump();
  };

  return {
    ask(ask) {
      if (ask.kind === "all-goldens") {
        const { models = null } = ask;
        return all(
          models?.join(),
          ids().filter((id) => belongsTo(id, models)),
        );
      }
      const id = ask.kind === "golden" ? ask.id : another(ask.not, wantedBy(ask, modelOf));
      if (id !== undefined) front(id);
      pump();
    },
    tick({ kind, everyMs }, part = { name: "", ids: ids() }) {
      const sinceMs = clock.monotonicMs() - (lastMs.get(part.name) ?? Number.NEGATIVE_INFINITY);
      if (isWhole() || part.ids.length === 0 || sinceMs < everyMs) return false;
      // The last round is still at work: another one would only lengthen the queue.
      if (urgent.length + due.length > 0) return false;
      if (kind === "round") {
        all(part.name, part.ids);
        return true;
      }
      lastMs.set(part.name, clock.monotonicMs());
      const id = another("", (one) => part.ids.includes(one));
      if (id !== undefined) back(id);
      pump();
      return false;
    },
    askTwo() {
      for (const id of [another(""), another("")]) if (id !== undefined) front(id);
      pump();
    },
    askAll: () => all(),
    reset(models = null) {
      pauses.reset(models);
      for (const queue of [urgent, due])
        queue.splice(0, queue.length, ...queue.filter((id) => !belongsTo(id, models)));
    },
    pause(on, models = null) {
      pauses.pause(on, models);
      pump();
    },
    inflight: () => ({
      count: running.size,
      oldestMs: running.size === 0 ? undefined : Math.min(...running.values()),
    }),
  };
}

function nextFrom(
  set: readonly string[],
  cursor: number,
  test: (id: string) => boolean,
): { id: string; next: number } | undefined {
  for (let step = 0; step < set.length; step += 1) {
    const at = (cursor + step) % set.length;
    const id = set[at];
    if (id !== undefined && test(id)) return { id, next: (at + 1) % set.length };
  }
  return undefined;
}

function wantedBy(
  { model, notModel }: Extract<Ask, { kind: "another-golden" }>,
  modelOf: (id: string) => string | undefined,
): ((id: string) => boolean) | undefined {
  if (model !== undefined) return (id) => modelOf(id) === model;
  return notModel === undefined ? undefined : (id) => modelOf(id) !== notModel;
}

function takeNext(queue: string[], running: ReadonlyMap<string, number>): string | undefined {
  const at = queue.findIndex((id) => !running.has(id));
  return at < 0 ? undefined : queue.splice(at, 1)[0];
}
