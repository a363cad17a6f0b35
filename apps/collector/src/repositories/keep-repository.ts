import { Fault } from "@locum/contracts";
import { backoffMs, type Clock, type Log, parseTimetable, type Random, schedule } from "@locum/runtime";
import type { Known } from "./account.ts";
import { createDueActs } from "./due-acts.ts";
import type { Notes, NotesFile } from "./notes.ts";
import type { RepositoryJobs, Seen } from "./repository-jobs.ts";
import { watchRepository } from "./watch-repository.ts";

/** What is due now and then. A drill is of one service. */
export type Act = "prune" | "scrub" | `drill ${string}`;

/** One act, from its record to its result. What it learnt comes back as notes. @throws Fault */
export type Perform = (act: Act, state: { seen: Seen; notes: Notes }) => Promise<Notes>;

export type Kept = {
  known(): Known;
  /** Soon, and once however often it is asked for. */
  ask(act: Act): void;
  /** Looks again, at once. */
  look(): Promise<void>;
  close(): Promise<void>;
};

export type Times = { prune: string; scrub: string; drill: string };

const lookMs = 60_000;
/** A storage that is away is asked again within this. */
const retryMs = { baseMs: 5000, capMs: 300_000 };

/**
 * Looks after one repository: looks at it every minute, and does what is due, one act after another. A storage that is
 * away is a problem that is told, and what was due then is due when it is back. It throws nothing.
 */
export async function keepRepository({
  place,
  times,
  services,
  jobs,
  perform,
  notesFile,
  clock,
  random,
  say,
}: {
  place: string;
  times: Times;
  services: () => string[];
  jobs: Pick<RepositoryJobs, "look">;
  perform: Perform;
  notesFile: NotesFile;
  clock: Clock;
  random: Pick<Random, "next">;
  say: Log;
}): Promise<Kept> {
  const ending = new AbortController();
  const due = createDueActs(clock);
  let notes = await notesFile.read();
  const watch = watchRepository({ place, jobs, clock, say, signal: ending.signal });
  let waking = new AbortController();

  const drillAll = (): void => {
    for (const service of services()) due.add(`drill ${service}`);
    waking.abort();
  };
  const ask = (act: Act): void => {
    due.add(act);
    waking.abort();
  };

  async function act(next: Act, found: Seen): Promise<void> {
    due.begin(next);
    try {
      notes = await perform(next, { seen: found, notes });
      await notesFile.write(notes);
      // Before it counts as ended: who waits for it sees what it changed.
      await watch.look();
      due.end(next, "done");
    } catch (error) {
      if (ending.signal.aborted) return;
      say("warn", "the repository of snapshots was not looked after", { place, act: next, error });
      const isOver = error instanceof Fault && error.retry === "never";
      due.end(next, isOver ? "failed for good" : "failed");
    }
  }

  /** Each that is due, once. */
  async function work(): Promise<void> {
    const tried = new Set<Act>();
    for (;;) {
      const next = due.next(tried);
      const seen = watch.seen();
      if (!next || !seen || watch.problem() || ending.signal.aborted) break;
      tried.add(next);
      await act(next, seen);
    }
  }

  async function run(): Promise<void> {
    let working: Promise<void> | null = null;
    while (!ending.signal.aborted) {
      waking = new AbortController();
      await watch.look();
      for (const service of neverDrilled(watch.seen(), { notes, services }))
        if (!due.pending().has(`drill ${service}`)) due.add(`drill ${service}`);
      // A drill of a large model takes long: meanwhile it is looked on.
      working ??= work().finally(() => {
        working = null;
        // Asked for again while it ran.
        if (!watch.problem() && due.next(new Set())) waking.abort();
      });
      const failures = watch.failures();
      const waitMs = failures > 0 ? Math.max(1000, backoffMs(failures, random, retryMs)) : lookMs;
      await clock.sleep(waitMs, AbortSignal.any([ending.signal, waking.signal]));
    }
    await working;
  }

  if (await isMissed(times.drill, notes.drilledAtMs, clock.wallMs())) drillAll();
  if (await isMissed(times.prune, notes.prunedAtMs, clock.wallMs())) due.add("prune");
  if (await isMissed(times.scrub, notes.scrub?.atMs ?? null, clock.wallMs())) due.add("scrub");
  const { signal } = ending;
  const at = (expression: string, onDue: () => void) =>
    schedule(expression, { clock, onDue, signal }).catch((error: unknown) =>
      say("error", "a schedule ended", { place, error }),
    );
  const timers = [
    at(times.prune, () => ask("prune")),
    at(times.scrub, () => ask("scrub")),
    at(times.drill, drillAll),
  ];
  const loop = run();
  return {
    known: () => ({
      ...{ place, notes, seen: watch.seen(), problem: watch.problem() },
      pending: due.pending(),
    }),
    ask,
    look: watch.look,
    async close() {
      ending.abort();
      await Promise.allSettled([loop, ...timers]);
    },
  };
}

/** Its first snapshot is drilled as soon as it is seen: until then nobody knows whether it can be restored. */
function neverDrilled(
  seen: Seen | null,
  { notes, services }: { notes: Notes; services: () => string[] },
): string[] {
  const models = new Set(seen?.snapshots.flatMap(({ model, torn }) => (torn ? [] : [model])));
  return services().filter((service) => models.has(service) && !notes.drills[service]);
}

/** Whether it was due while no collector ran. */
async function isMissed(expression: string, lastMs: number | null, nowMs: number): Promise<boolean> {
  const next = lastMs === null ? null : (await parseTimetable(expression)).nextMs(lastMs);
  return next !== null && next <= nowMs;
}
