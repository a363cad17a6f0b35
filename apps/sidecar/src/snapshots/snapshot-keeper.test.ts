import { type Digest, digestOf, Fault } from "@locum/contracts";
import type { Clock } from "@locum/runtime";
import { releaseChannel } from "@locum/snapshot/repository";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LiveModel, model, newLiveModel } from "./live-model.fixture.ts";
import { createSnapshotKeeper, type SnapshotKeeper, type SnapshotKeeperOptions } from "./snapshot-keeper.ts";
import { createSnapshotStory } from "./snapshot-story.ts";

const [first, second] = [digestOf("the first release"), digestOf("the second release")];
const patient = { timeout: 10_000, interval: 10 };
/** Less than what a proof holds. */
const tickMs = 1500;
let live: LiveModel;
let clock: Clock & { turn(ms: number): void };
let keepers: SnapshotKeeper[];

beforeEach(async () => {
  live = await newLiveModel();
  clock = turnedClock();
  keepers = [];
});
afterEach(async () => {
  for (const keeper of keepers) await keeper.close();
  await live.close();
});

/** Sleepers wake when the test turns the clock. */
function turnedClock(): typeof clock {
  const startMs = Date.now();
  let nowMs = 0;
  const sleepers = new Set<{ atMs: number; wake: () => void }>();
  return {
    monotonicMs: () => nowMs,
    wallMs: () => startMs + nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        sleepers.add({ atMs: nowMs + ms, wake: resolve });
        signal?.addEventListener("abort", () => resolve());
      }),
    turn(ms) {
      nowMs += ms;
      for (const sleeper of sleepers) if (sleeper.atMs <= nowMs && sleepers.delete(sleeper)) sleeper.wake();
    },
  };
}

function keeperOf(
  options: Partial<Pick<SnapshotKeeperOptions, "owner" | "rank" | "releases" | "take" | "open">> & {
    onChange?: boolean;
  } = {},
) {
  const facts: Record<string, unknown>[] = [];
  const warnings: string[] = [];
  const log = (level: string, message: string) => {
    if (level !== "info") warnings.push(message);
  };
  const record = async (fact: { facts: Record<string, unknown> }) => {
    facts.push(fact.facts);
    return true;
  };
  const { onChange = true, ...more } = options;
  const keeper = createSnapshotKeeper({
    wanted: { onChange, schedule: undefined },
    service: model,
    owner: "a",
    rank: 0,
    releases: () => [first, second],
    open: async () => live.writer,
    take: (_writer, given) => live.take(given),
    story: createSnapshotStory({ repository: "repository", record, clock, log }),
    clock,
    random: { next: () => 0.5 },
    log,
    ...more,
  });
  keepers.push(keeper);
  /** As ticks do: the release is proven, for as long as the condition is waited for. */
  const provenUntil = async (release: Digest, holds: () => unknown): Promise<void> => {
    const tree = await live.tree();
    await expect
      .poll(async () => {
        keeper.proven({ release, tree });
        clock.turn(tickMs);
        return Boolean(await holds());
      }, patient)
      .toBe(true);
  };
  const taken = () => keeper.view().taken;
  return { keeper, facts, warnings, provenUntil, taken };
}

test("each release once; served goes forth and back, and what is no longer approved is let go", async () => {
  let approved = [first, second];
  const { facts, provenUntil, taken } = keeperOf({ releases: () => approved });
  await provenUntil(first, () => taken() === 1);
  const [one = ""] = await live.ids();
  await live.write("second");
  await provenUntil(second, () => taken() === 2);
  const two = (await live.ids()).find((id) => id !== one) ?? "";
  expect(await live.refs()).toEqual({
    ...{ latest: two, "last-known-good": two, served: two },
    ...{ [releaseChannel(first)]: one, [releaseChannel(second)]: two },
  });
  await live.write("first");
  await provenUntil(first, async () => (await live.refs()).served === one);
  expect(taken()).toBe(2);
  expect(facts.map(({ outcome, release, torn }) => ({ outcome, release, torn }))).toEqual(
    [first, second].map((release) => ({ outcome: "done", release, torn: false })),
  );

  approved = [first, digestOf("the third release")];
  await live.write("third");
  await provenUntil(digestOf("the third release"), () => taken() === 3);
  await expect.poll(async () => Object.keys(await live.refs())).not.toContain(releaseChannel(second));
  expect(await live.refs()).toMatchObject({ [releaseChannel(first)]: one });
});

test("of two instances of a service one takes it, and the other waits and sees it", async () => {
  const reading = Promise.withResolvers<void>();
  let looks = 0;
  const a = keeperOf({ take: (_writer, given) => live.take({ ...given, pace: () => reading.promise }) });
  const b = keeperOf({
    owner: "b",
    rank: 1,
    async open() {
      const { store } = live.writer.repository;
      const list: typeof store.list = (prefix) => {
        if (prefix === "intents/") looks++;
        return store.list(prefix);
      };
      return { ...live.writer, repository: { ...live.writer.repository, store: { ...store, list } } };
    },
  });
  await a.provenUntil(first, async () => (await live.intents()).length === 1);
  await b.provenUntil(first, () => looks > 2);
  reading.resolve();
  await expect.poll(a.taken, patient).toBe(1);
  await b.provenUntil(first, () => !b.keeper.view().isTaking);
  expect(await live.ids()).toHaveLength(1);
  expect(b.keeper.view()).toMatchObject({ taken: 0, failures: 0 });
});

test("files that change while they are read are tried again, until they are a release's", async () => {
  let writes = 0;
  const { provenUntil, taken, facts } = keeperOf({
    take: (_writer, given) =>
      live.take({ ...given, ...(writes < 6 && { pace: () => live.write(`write ${++writes}`) }) }),
  });
  await provenUntil(first, () => taken() === 1);
  expect(facts).toMatchObject([{ torn: true, release: null }]);
  expect(Object.keys(await live.refs())).toEqual(["latest"]);
  await provenUntil(first, () => taken() === 2);
  expect(facts.at(-1)).toMatchObject({ torn: false, release: first });
});

test("a restore ends what is being taken, and the next one waits for its end", async () => {
  const restore = Promise.withResolvers<void>();
  let reads = 0;
  const { keeper, provenUntil, taken, warnings } = keeperOf({
    take: (_writer, given) =>
      live.take({
        ...given,
        async pace() {
          reads++;
          if (reads === 1) await new Promise((end) => given.signal.addEventListener("abort", end));
          given.signal.throwIfAborted();
        },
      }),
  });
  await provenUntil(first, () => reads === 1);
  keeper.giveWay(restore.promise);
  await expect.poll(() => keeper.view().isTaking).toBe(false);
  const endedAtMs = clock.monotonicMs();
  await provenUntil(first, () => clock.monotonicMs() > endedAtMs + 300_000);
  expect(reads).toBe(1);
  expect(await live.ids()).toEqual([]);
  restore.resolve();
  await provenUntil(first, () => taken() === 1);
  expect(keeper.view()).toMatchObject({ failures: 0, problem: null });
  expect(warnings).toEqual([]);
});

test("a repository that is away is asked again later and later, and told once", async () => {
  const askedAtMs: number[] = [];
  const { keeper, provenUntil, taken, facts, warnings } = keeperOf({
    async open() {
      askedAtMs.push(clock.monotonicMs());
      if (askedAtMs.length < 4) throw new Fault("storage-failed", "no route to it");
      return live.writer;
    },
  });
  await provenUntil(first, () => taken() === 1);
  const gaps = askedAtMs.slice(1).map((ms, at) => ms - (askedAtMs[at] ?? 0));
  expect(gaps[0]).toBeGreaterThanOrEqual(30_000);
  expect(gaps.toSorted((one, other) => one - other)).toEqual(gaps);
  expect(keeper.view()).toMatchObject({ failures: 3, problem: null });
  expect(facts.map(({ outcome }) => outcome)).toEqual(["failed", "done"]);
  expect(warnings).toHaveLength(1);
});

test("what changes beside the model is taken when it is quiet again, proven or not", async () => {
  const { keeper, taken } = keeperOf();
  for (let writes = 0; writes < 3; writes++) {
    keeper.changed();
    clock.turn(9000);
  }
  expect(taken()).toBe(0);
  await expect.poll(() => clock.turn(1000) ?? taken(), patient).toBe(1);
  expect(Object.keys(await live.refs())).toEqual(["latest"]);
});

test("what is closed while it takes one leaves no claim behind", async () => {
  let reads = 0;
  const { keeper, provenUntil } = keeperOf({
    take: (_writer, given) =>
      live.take({
        ...given,
        async pace() {
          reads++;
          await new Promise((end) => given.signal.addEventListener("abort", end));
          given.signal.throwIfAborted();
        },
      }),
  });
  await provenUntil(first, () => reads > 0);
  await keeper.close();
  expect(await live.ids()).toEqual([]);
  expect(await live.intents()).toEqual([]);
  expect(keeper.view()).toMatchObject({ failures: 0 });
});
