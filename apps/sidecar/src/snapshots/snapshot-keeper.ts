import type { Digest, SnapshotRepository } from "@locum/contracts";
import { backoffMs, type Clock, type Log, type Random, schedule } from "@locum/runtime";
import { createSnapshotTrigger, type TriggerCause } from "@locum/snapshot";
import type { LoadedIndex } from "@locum/snapshot/repository";
import { awaitTurn } from "./await-turn.ts";
import type { SnapshotWriter } from "./open-writer.ts";
import { isTakenSince, letGo, pointServed } from "./snapshot-channels.ts";
import type { SnapshotStory, SnapshotsView } from "./snapshot-story.ts";
import type { Proven, TakenSnapshot } from "./take-snapshot.ts";

export type SnapshotKeeper = {
  /** The loaded model was proven with these files just now. Called for as long as it is so. */
  proven(now: Proven): void;
  /** Something that belongs to a snapshot and is no file of the model has changed. */
  changed(): void;
  /** A restore of the same folder begins: what is being taken ends, and nothing is taken until that is over. */
  giveWay(restore: Promise<unknown>): void;
  view(): SnapshotsView & { isTaking: boolean };
  close(): Promise<void>;
};

export type SnapshotKeeperOptions = {
  wanted: Pick<SnapshotRepository, "onChange" | "schedule">;
  service: string;
  /** This instance, among those of its service, and the how many-th to take a snapshot. */
  owner: string;
  rank: number;
  /** Approved now: channels of other releases are let go. */
  releases: () => readonly Digest[];
  open: () => Promise<SnapshotWriter>;
  take: (
    writer: SnapshotWriter,
    given: { proven: Proven | null; by: string; loaded: LoadedIndex | undefined; signal: AbortSignal },
  ) => Promise<TakenSnapshot>;
  story: SnapshotStory;
  clock: Clock;
  random: Pick<Random, "next">;
  log: Log;
};

/** Called a tick apart for as long as it holds: after this it does not any more. */
const provenForMs = 2000;
const settleMs = 10_000;
const retry = { baseMs: 60_000, capMs: 3_600_000 };

/**
 * When an instance takes a snapshot: a release is proven that none holds yet, what lies beside the model has changed, or
 * the schedule says so. One at a time; what fails or is torn is tried again, later and later. Nothing that serves waits
 * for any of it.
 */
export function createSnapshotKeeper(options: SnapshotKeeperOptions): SnapshotKeeper {
  const { wanted, story, clock, log } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const works = openWorks(options);
  let proof: (Proven & { atMs: number }) | null = null;
  let isTaking = false;
  let [tries, isWaiting] = [0, false];
  let taking = new AbortController();
  let restores = 0;
  const provenNow = (): Proven | null =>
    proof && clock.monotonicMs() - proof.atMs < provenForMs
      ? { release: proof.release, tree: proof.tree }
      : null;

  const again = (cause: TriggerCause): void => {
    if (isWaiting || signal.aborted) return;
    isWaiting = true;
    void clock.sleep(backoffMs(tries++, options.random, retry), signal).then(() => {
      isWaiting = false;
      trigger.ask(cause);
    });
  };
  const trigger = createSnapshotTrigger({
    async take(causes, until) {
      const [cause = "request"] = causes;
      if (restores > 0) return again(cause);
      isTaking = true;
      taking = new AbortController();
      try {
        const { isWanting } = await works.run(causes, provenNow, AbortSignal.any([until, taking.signal]));
        if (isWanting) again(cause);
        else tries = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!taking.signal.aborted) story.failed(error);
        again(cause);
      } finally {
        isTaking = false;
      }
    },
    onFailure: (error) => log("error", "a snapshot failed unexpectedly", { error }),
    clock,
    settleMs,
  });
  if (wanted.schedule !== undefined)
    schedule(wanted.schedule, { clock, onDue: () => trigger.ask("schedule"), signal }).catch(
      (error: unknown) => log("error", "no snapshots are taken on schedule: it cannot be read", { error }),
    );

  return {
    proven(now) {
      proof = { ...now, atMs: clock.monotonicMs() };
      if (wanted.onChange && !isTaking && !isWaiting && !works.isServed(now.release)) trigger.ask("request");
    },
    changed() {
      if (wanted.onChange) trigger.changed();
    },
    giveWay(restore) {
      const end = () => void restores--;
      restores++;
      taking.abort();
      restore.then(end, end);
    },
    view: () => ({ ...story.view(), isTaking }),
    async close() {
      stop.abort();
      await trigger.close();
    },
  };
}

/** One snapshot after another, with what is open between them. */
function openWorks({
  service,
  owner,
  rank,
  releases,
  open,
  take,
  story,
  clock,
  random,
}: SnapshotKeeperOptions) {
  const by = `sidecar:${service}/${owner}`;
  let [writer, loaded]: [SnapshotWriter?, LoadedIndex?] = [];
  let served: Digest | null = null;

  async function takeOne(
    { repository, ...rest }: SnapshotWriter,
    causes: readonly TriggerCause[],
    { provenNow, signal }: { provenNow: () => Proven | null; signal: AbortSignal },
  ): Promise<{ isWanting: boolean }> {
    const askedMs = clock.wallMs();
    const writing = { repository, model: service, by };
    const isNeeded = async (): Promise<boolean> => {
      const proven = provenNow();
      if (proven && (await pointServed(writing, proven.release))) served = proven.release;
      if (causes.includes("change")) return true;
      if (causes.includes("schedule")) return !(await isTakenSince(writing, askedMs));
      return proven !== null && served !== proven.release;
    };
    const isOurs = await awaitTurn(repository, { service, by, rank, isNeeded, clock, random, signal });
    if (!isOurs) {
      signal.throwIfAborted();
      return { isWanting: false };
    }
    const startedMs = clock.monotonicMs();
    const proven = provenNow();
    const taken = await take({ repository, ...rest }, { proven, by, loaded, signal });
    ({ loaded } = taken);
    const release = taken.channels.length > 0 ? (proven?.release ?? null) : null;
    served = release ?? served;
    await story.taken(taken, {
      release,
      cause: causes.join("+"),
      tookMs: Math.round(clock.monotonicMs() - startedMs),
    });
    await letGo(writing, releases());
    // What was proven and did not stay the same for as long as it was read is no more than the latest.
    return { isWanting: taken.torn || (proven !== null && release === null) };
  }

  return {
    isServed: (release: Digest) => served === release,
    async run(causes: readonly TriggerCause[], provenNow: () => Proven | null, signal: AbortSignal) {
      try {
        writer ??= await open();
        return await takeOne(writer, causes, { provenNow, signal });
      } catch (error) {
        // What was open may be what is broken.
        [writer, loaded] = [undefined, undefined];
        throw error;
      }
    },
  };
}
