import { expect, test } from "vitest";
import { packPath } from "../pack/pack-path.ts";
import { damageByte } from "../testing/damage-byte.ts";
import {
  baseOf,
  commitOf,
  filesOf,
  hourMs,
  namesOf,
  newRepository,
  readBack,
  root,
  weightsOf,
} from "../testing/repository-rig.ts";
import { opener, openerOf, sealing } from "../testing/rig.ts";
import { collectGarbage, type GarbageOptions } from "./collect-garbage.ts";
import { forget } from "./forget.ts";
import { takeLease } from "./gc-lease.ts";
import { openIntent } from "./intent.ts";
import { loadIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";

const collect = (repository: Repository, more: Partial<GarbageOptions> = {}) =>
  collectGarbage(repository, { opener, holder: "operator", ...more });

/** Two snapshots that share nothing but a small file, the first of them forgotten. */
async function withGarbage() {
  const rig = await newRepository();
  const first = await commitOf(rig.repository, weightsOf(1));
  rig.time.nowMs += 1000;
  const second = await commitOf(rig.repository, weightsOf(2));
  await forget(rig.repository, [first.id]);
  rig.time.nowMs += hourMs;
  return { ...rig, first, second, garbage: first.packs[0] ?? "" };
}

test("what no snapshot needs is announced, and deleted a day later, not before", async () => {
  const { repository, time, second, garbage } = await withGarbage();
  const { id } = await commitOf(repository, weightsOf(3));
  await forget(repository, [second.id]);
  time.nowMs += hourMs;
  // The small file is in the first pack, and stays needed.
  expect(await collect(repository)).toMatchObject({ announced: second.packs, deleted: [] });
  time.nowMs += 23 * hourMs;
  expect(await collect(repository)).toMatchObject({ announced: [], deleted: [] });
  time.nowMs += 2 * hourMs;
  expect(await collect(repository)).toMatchObject({ deleted: second.packs, missingChunks: 0 });
  expect(await namesOf(repository, "garbage/")).toEqual([]);
  expect(await namesOf(repository, "packs/")).toContain(packPath(garbage));
  expect(await readBack(repository, id)).toEqual(filesOf(weightsOf(3)));
});

test("a pack that is half empty is written anew, then goes", async () => {
  const { repository, time, second, garbage } = await withGarbage();
  const report = await collect(repository, { recipients: sealing.recipients });
  expect(report).toMatchObject({ repacked: [garbage], announced: [garbage] });
  expect(await readBack(repository, second.id)).toEqual(filesOf(weightsOf(2)));
  time.nowMs += 25 * hourMs;
  expect(await collect(repository)).toMatchObject({ deleted: [garbage], missingChunks: 0 });
  expect(await readBack(repository, second.id)).toEqual(filesOf(weightsOf(2)));
  expect((await collect(repository)).announced).toEqual([]);
});

test("a new pack that took over and is damaged keeps the old one alive", async () => {
  const { repository, disk, time, garbage } = await withGarbage();
  await collect(repository, { recipients: sealing.recipients });
  const { packs } = await loadIndex(repository, { for: "reader" });
  const [newest] = [...packs.keys()].filter((id) => id !== garbage).toSorted(byAge(packs));
  time.nowMs += 25 * hourMs;
  await damageByte(disk.fs, `${root}/${packPath(newest ?? "")}`, 5000);
  const report = await collect(repository);
  expect(report).toMatchObject({ deleted: [], damaged: [newest] });
});

test("an announced pack that a snapshot needs again is rescued", async () => {
  const { repository, time, first, second } = await withGarbage();
  // A writer that began before the announcement, and still counts on the pack.
  const kept = await repository.store.read(
    `snaps/${second.id}.sn`,
    0,
    (await repository.store.size(`snaps/${second.id}.sn`)) ?? 0,
  );
  await commitOf(repository, weightsOf(4));
  await forget(repository, [second.id]);
  time.nowMs += hourMs;
  expect((await collect(repository)).announced).toEqual(second.packs);
  await repository.store.create(`snaps/${second.id}.sn`, [kept]);
  time.nowMs += 48 * hourMs;
  expect(await collect(repository)).toMatchObject({ rescued: second.packs, deleted: [] });
  expect(await namesOf(repository, "garbage/")).toEqual([]);
  expect(await readBack(repository, second.id)).toEqual(filesOf(weightsOf(2)));
  expect(first.packs).toHaveLength(1);
});

test("a writer at work holds back what it may have seen; one that is dead does so for a day", async () => {
  const { repository, time, second } = await withGarbage();
  await commitOf(repository, weightsOf(3));
  await forget(repository, [second.id]);
  time.nowMs += hourMs;
  const intent = await openIntent(repository, { writer: "slow" });
  time.nowMs += hourMs;
  expect((await collect(repository)).announced).toEqual(second.packs);
  time.nowMs += 20 * hourMs;
  expect(await namesOf(repository, "intents/")).toEqual([intent]);
  expect((await collect(repository, { graceMs: hourMs })).deleted).toEqual([]);
  time.nowMs += 5 * hourMs;
  expect((await collect(repository)).deleted).toEqual(second.packs);
  expect(await namesOf(repository, "intents/")).toEqual([]);
});

test("a new writer does not count on what is announced, nor on a difference against it", async () => {
  const { repository, time } = await newRepository();
  const older = await commitOf(repository, weightsOf(1));
  const tuned = weightsOf(1).map((byte, at) => (at % 500 === 0 ? byte ^ 1 : byte));
  time.nowMs += 1000;
  const newer = await commitOf(repository, tuned, { base: baseOf(weightsOf(1)) });
  time.nowMs += 1000;
  await commitOf(repository, weightsOf(2));
  await forget(repository, [older.id, newer.id]);
  time.nowMs += hourMs;
  expect((await collect(repository)).announced).toEqual(newer.packs);
  time.nowMs += hourMs;
  const again = await commitOf(repository, tuned, { base: baseOf(weightsOf(1)) });
  expect(again.packs).toHaveLength(1);
  time.nowMs += 25 * hourMs;
  expect((await collect(repository)).deleted).toEqual(newer.packs);
  expect(await readBack(repository, again.id)).toEqual(filesOf(tuned));
});

test("a writer whose intent ran out commits nothing", async () => {
  const { repository, time } = await newRepository();
  let isCollected = false;
  const late: Repository = {
    ...repository,
    store: {
      ...repository.store,
      async create(name, parts) {
        if (name.startsWith("packs/") && !isCollected) {
          isCollected = true;
          time.nowMs += 25 * hourMs;
          await collect(repository);
        }
        return repository.store.create(name, parts);
      },
    },
  };
  await expect(commitOf(late, weightsOf(1))).rejects.toMatchObject({ code: "conflict" });
  expect(await namesOf(repository, "snaps/")).toEqual([]);
});

test("a manifest that cannot be read stops it: what it needs is not known", async () => {
  const { repository, time, second } = await withGarbage();
  time.nowMs += hourMs;
  const other = { ...sealing, recipients: sealing.recipients.slice(1) };
  await commitOf(repository, weightsOf(3), { recipients: other.recipients });
  await expect(collect(repository)).rejects.toMatchObject({ code: "not-authorised" });
  await collectGarbage(repository, { opener: openerOf(12), holder: "escrow" });
  await repository.store.create("snaps/01JD00000000000000000000ZZ.sn", [Buffer.from("torn")]);
  await expect(collectGarbage(repository, { opener: openerOf(12), holder: "escrow" })).rejects.toThrow(
    /01JD00000000000000000000ZZ cannot be read/,
  );
  expect(await namesOf(repository, `snaps/${second.id}`)).toHaveLength(1);
});

test("a collector whose lease another took stops before its next deletion", async () => {
  const { repository, time, second } = await withGarbage();
  await commitOf(repository, weightsOf(3));
  await forget(repository, [second.id]);
  time.nowMs += hourMs;
  expect((await collect(repository)).announced).toEqual(second.packs);
  time.nowMs += 25 * hourMs;
  const paused: Repository = {
    ...repository,
    store: {
      ...repository.store,
      async *list(prefix) {
        // It slept for a minute, just before it looked what to delete.
        if (prefix === "packs/") {
          time.nowMs += 60_000;
          await takeLease(repository, "other");
        }
        yield* repository.store.list(prefix);
      },
    },
  };
  await expect(collect(paused)).rejects.toMatchObject({ code: "conflict" });
  expect(await namesOf(repository, "packs/")).toContain(packPath(second.packs[0] ?? ""));
});

const byAge =
  (packs: ReadonlyMap<string, { modifiedMs: number }>) =>
  (a: string, b: string): number =>
    (packs.get(b)?.modifiedMs ?? 0) - (packs.get(a)?.modifiedMs ?? 0);
