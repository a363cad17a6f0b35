import type { Incident } from "@locum/contracts";
import type { Durable } from "@locum/coordination";
import { monotonicMs, type NodeClock } from "./clock.ts";
import { arrive, later, type Process } from "./process.ts";
import type { World } from "./world.ts";

/** The small truth: one versioned document, open incidents, and who leads until when on the store's own clock. */
export type DecisionStore = {
  clock: NodeClock;
  durable: Durable | null;
  incidents: Map<string, Incident>;
  term: number;
  leader: { name: string; untilMs: number } | null;
  awayUntilMs: number;
  slowUntilMs: number;
};

export const newDecisionStore = (clock: NodeClock): DecisionStore => ({
  clock,
  durable: null,
  incidents: new Map(),
  term: 0,
  leader: null,
  awayUntilMs: 0,
  slowUntilMs: 0,
});

/**
 * One call. It may fail before it was done, or after it: then the caller hears an error and the deed is done. `done`
 * gets undefined for both, and the caller asks again.
 */
export function callStore<T>(
  world: World,
  caller: Process,
  work: () => T,
  done: (result: T | undefined) => void,
): void {
  const { store, random } = world;
  const cutUntilMs = world.storeLinks.get(caller.name) ?? 0;
  const slow = store.slowUntilMs > world.nowMs ? 1000 : 0;
  const delayMs = random.between(1, 10) + (slow && random.next() * slow);
  const { life } = caller;
  world.heap.push(world.nowMs + delayMs, () => {
    const lost = store.awayUntilMs > world.nowMs || cutUntilMs > world.nowMs;
    const result = lost && random.chance(0.5) ? undefined : work();
    // A time-out is the caller's own; an answer that is lost on its way back is one, too.
    if (lost) later(world, caller, 500, () => caller.life === life && done(undefined));
    else
      world.heap.push(world.nowMs + delayMs, () => {
        if (caller.life === life) arrive(world, caller, () => done(result));
      });
  });
}

/** Compare-and-swap on the version. What is there already is a success, for the caller may ask again. */
export function swap(store: DecisionStore, durable: Durable): boolean {
  if (store.durable === durable) return true;
  if ((store.durable?.version ?? 0) !== durable.version - 1) return false;
  store.durable = durable;
  return true;
}

/**
 * Leadership, for `leadMs` of the store's clock. Only who leads and says in which term renews; everybody else begins a
 * new term, the same process too, for its numbers start anew.
 */
export function lead(world: World, name: string, renewed: number | null, leadMs: number): number | null {
  const { store } = world;
  const now = monotonicMs(store.clock, world.nowMs);
  const held = store.leader !== null && store.leader.untilMs > now;
  if (held && store.leader?.name !== name) return null;
  if (!held || renewed !== store.term) store.term += 1;
  store.leader = { name, untilMs: now + leadMs };
  return store.term;
}
