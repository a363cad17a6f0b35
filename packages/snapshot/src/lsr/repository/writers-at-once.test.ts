import { expect, test } from "vitest";
import { seededRandom } from "../../testing/random.ts";
import {
  baseOf,
  commitOf,
  filesOf,
  hourMs,
  newRepository,
  readBack,
  weightsOf,
} from "../testing/repository-rig.ts";
import { opener, sealing } from "../testing/rig.ts";
import { checkRepository } from "./check-repository.ts";
import { collectGarbage } from "./collect-garbage.ts";
import type { Committed } from "./commit-snapshot.ts";
import { forget } from "./forget.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { loadIndex } from "./load-index.ts";
import { readRef } from "./refs.ts";
import type { Repository } from "./repository.ts";

/** Every call of the storage waits for its turn, and the seed says whose it is: an order of events that comes again. */
function interleaver(seed: number): {
  wrap(repository: Repository): Repository;
  run(works: Promise<unknown>[]): Promise<void>;
} {
  const random = seededRandom(seed);
  const waiting: (() => void)[] = [];
  const turn = () => new Promise<void>((resolve) => void waiting.push(resolve));
  return {
    wrap: (repository) => ({
      ...repository,
      store: {
        create: (name, parts) => turn().then(() => repository.store.create(name, parts)),
        size: (name) => turn().then(() => repository.store.size(name)),
        read: (name, at, length) => turn().then(() => repository.store.read(name, at, length)),
        remove: (name) => turn().then(() => repository.store.remove(name)),
        async *list(prefix) {
          await turn();
          yield* repository.store.list(prefix);
        },
      },
    }),
    async run(works) {
      let isOver = false;
      const all = Promise.allSettled(works).then(() => {
        isOver = true;
      });
      while (!isOver) {
        const [next] = waiting.splice(Math.floor(random() * waiting.length), 1);
        next?.();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await all;
    },
  };
}

test("two writers at once, of the same and of other files: both are whole, latest is the newer", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { repository, reopen } = await newRepository();
    const { wrap, run } = interleaver(seed);
    const [one, two] = [wrap(await reopen()), wrap(await reopen())];
    const weights = [weightsOf(1), weightsOf(seed % 2 ? 1 : 2)] as const;
    const works = [commitOf(one, weights[0]), commitOf(two, weights[1])];
    await run(works);
    const [first, second] = (await Promise.all(works)) as [Committed, Committed];
    expect(await readBack(repository, first.id)).toEqual(filesOf(weights[0]));
    expect(await readBack(repository, second.id)).toEqual(filesOf(weights[1]));
    const latest = await readRef(repository, { model: "digits", channel: "latest" });
    expect(latest?.snapshot).toBe([first.id, second.id].sort()[1]);
    expect((await checkRepository(repository, { opener })).damage).toEqual([]);
  }
});

test("two writers of one id: one commits, the other is told", async () => {
  const { repository } = await newRepository();
  const stub = { id: "01JD0000000000000000000001" };
  const tries = await Promise.allSettled([
    commitOf(repository, weightsOf(1), { stub }),
    commitOf(repository, weightsOf(2), { stub }),
  ]);
  expect(tries.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(tries.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "conflict" } });
  expect((await checkRepository(repository, { opener })).damage).toEqual([]);
});

/**
 * A pack that nobody needs, its deletion due or about to be announced, while a writer stores just what is in it (or a
 * difference against it) and the collector runs: whoever is faster, the snapshot is whole, then and after the next days.
 */
test.for([
  ["announces", 0],
  ["deletes", 1],
] as const)(
  "a collector that %s beside a writer never takes what the writer refers to",
  async ([, runsBefore]) => {
    for (let seed = 1; seed <= 12; seed++) {
      const { repository, time, reopen } = await newRepository();
      const doomed = await commitOf(repository, weightsOf(1));
      time.nowMs += 1000;
      await commitOf(repository, weightsOf(2));
      await forget(repository, [doomed.id]);
      time.nowMs += hourMs;
      const collect = (on: Repository) =>
        collectGarbage(on, { opener, holder: "operator", recipients: sealing.recipients });
      for (let n = 0; n < runsBefore; n++) {
        await collect(repository);
        time.nowMs += 25 * hourMs;
      }
      const { wrap, run } = interleaver(seed);
      const [writer, collector] = [wrap(await reopen()), wrap(await reopen())];
      const tuned = weightsOf(1).map((byte, at) => (at % 500 === 0 ? byte ^ 1 : byte));
      const weights = seed % 2 ? weightsOf(1) : tuned;
      const commit = commitOf(writer, weights, { base: baseOf(weightsOf(1)) });
      await run([commit, collect(collector)]);
      const { id } = await commit;
      for (let day = 0; day < 3; day++) {
        expect(await readBack(repository, id), `seed ${seed}, day ${day}`).toEqual(filesOf(weights));
        time.nowMs += 25 * hourMs;
        expect(await collect(repository), `seed ${seed}`).toMatchObject({ missingChunks: 0 });
      }
      expect(await readBack(repository, id), `seed ${seed}`).toEqual(filesOf(weights));
    }
  },
);

test("a pack that is needed again while its deletion is due is not deleted", async () => {
  const { repository, time } = await newRepository();
  const doomed = await commitOf(repository, weightsOf(1), { files: [] });
  expect(doomed.packs).toEqual([]);
  const first = await commitOf(repository, weightsOf(1));
  time.nowMs += 1000;
  await commitOf(repository, weightsOf(2));
  await forget(repository, [first.id, doomed.id]);
  time.nowMs += hourMs;
  const collect = () =>
    collectGarbage(repository, { opener, holder: "operator", recipients: sealing.recipients });
  // The writer has looked before the announcement, and is slow.
  let resume = () => {};
  const paused = new Promise<void>((resolve) => {
    resume = resolve;
  });
  let hasLooked = () => {};
  const looked = new Promise<void>((resolve) => {
    hasLooked = resolve;
  });
  const slow: Repository = {
    ...repository,
    store: {
      ...repository.store,
      async create(name, parts) {
        if (name.startsWith("snaps/")) {
          hasLooked();
          await paused;
        }
        return repository.store.create(name, parts);
      },
    },
  };
  const commit = commitOf(slow, weightsOf(1));
  await looked;
  time.nowMs += hourMs;
  expect((await collect()).announced).toEqual(first.packs);
  time.nowMs += 22 * hourMs;
  expect((await collectGarbage(repository, { opener, holder: "x", graceMs: hourMs })).deleted).toEqual([]);
  resume();
  const { id } = await commit;
  time.nowMs += 30 * hourMs;
  await collect();
  expect(await readBack(repository, id)).toEqual(filesOf(weightsOf(1)));
});

test("a quota stops the next snapshot before it writes anything", async () => {
  const { repository } = await newRepository();
  await commitOf(repository, weightsOf(1));
  await expect(commitOf(repository, weightsOf(2), { quotaBytes: 1000 })).rejects.toMatchObject({
    code: "disk-full",
  });
  expect((await loadIndex(repository, { for: "reader" })).packs.size).toBe(1);
  expect((await listSnapshots(repository)).snapshots).toHaveLength(1);
});
