import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { commitOf, namesOf, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { forget } from "./forget.ts";
import { takeLease } from "./gc-lease.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { macLine } from "./mac-line.ts";
import { readPins } from "./read-pins.ts";
import { listRefs, moveRef, readRef } from "./refs.ts";
import type { Repository } from "./repository.ts";

const good = { model: "digits", channel: "last-known-good" };
const folder = "refs/digits/last-known-good/";
const numberOf = (n: number) => n.toString(16).padStart(16, "0");

async function twoSnapshots() {
  const rig = await newRepository();
  const { id: one } = await commitOf(rig.repository, weightsOf(1));
  rig.time.nowMs += 1000;
  const { id: two } = await commitOf(rig.repository, weightsOf(1));
  return { ...rig, one, two };
}
const move = (repository: Repository, snapshot: string | null, expected: string | null) =>
  moveRef(repository, good, { snapshot, expected, by: "test" });

test("a channel moves from where it was expected, and from nowhere else", async () => {
  const { repository, one, two } = await twoSnapshots();
  expect(await readRef(repository, good)).toBeUndefined();
  await move(repository, one, null);
  await expect(move(repository, two, null)).rejects.toMatchObject({ code: "conflict" });
  expect(await move(repository, two, one)).toMatchObject({ snapshot: two, number: 2n });
  expect(await readRef(repository, good)).toMatchObject({ snapshot: two, by: "test" });
  await move(repository, null, two);
  expect((await readPins(repository)).get(one)).toBeUndefined();
});

test("of many who move it at once from one place, exactly one does", async () => {
  const { repository, one, two } = await twoSnapshots();
  await move(repository, one, null);
  const tries = await Promise.allSettled([1, 2, 3, 4, 5].map(() => move(repository, two, one)));
  expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("a hundred moves leave the last and few of the old files", async () => {
  const { repository, one, two } = await twoSnapshots();
  let at: string | null = null;
  for (let n = 0; n < 100; n++) {
    const next: string = n % 2 ? one : two;
    await move(repository, next, at);
    at = next;
  }
  expect(await readRef(repository, good)).toMatchObject({ snapshot: one, number: 100n });
  expect((await namesOf(repository, folder)).length).toBeLessThan(20);
});

test("who may remove nothing moves it all the same, and who may tidies up later", async () => {
  const { repository, one, two } = await twoSnapshots();
  const remove = async () => {
    throw new Fault("not-authorised", "403");
  };
  const writer = { ...repository, store: { ...repository.store, remove } };
  for (let n = 0; n < 20; n++) await move(writer, n % 2 ? one : two, n === 0 ? null : n % 2 ? two : one);
  expect(await namesOf(repository, folder)).toHaveLength(20);
  await move(repository, two, one);
  expect(await namesOf(repository, folder)).toHaveLength(16);
});

test.for(["last-known-good", "last-verified", "last-drill-passed"])(
  "no torn snapshot becomes %s",
  async (channel) => {
    const { repository } = await newRepository();
    const { id } = await commitOf(repository, weightsOf(1), { stub: { torn: true } });
    const next = { snapshot: id, expected: null, by: "test" };
    await expect(moveRef(repository, { model: "digits", channel }, next)).rejects.toMatchObject({
      code: "refused",
    });
  },
);

test.for([
  ["no snapshot of that id", "01JD0000000000000000000001", "snapshot-missing"],
  ["no id", "../../config", "snapshot-missing"],
] as const)("%s: nothing points there", async ([, snapshot, code]) => {
  const { repository } = await twoSnapshots();
  await expect(move(repository, snapshot, null)).rejects.toMatchObject({ code });
});

test("names that lead elsewhere are refused", async () => {
  const { repository, one } = await twoSnapshots();
  for (const name of ["..", "a/b", "", "A", ".x"])
    await expect(
      moveRef(repository, { model: "digits", channel: name }, { snapshot: one, expected: null, by: "" }),
    ).rejects.toMatchObject({ code: "request-invalid" });
});

describe("who can write to the storage but has no id key", () => {
  test("cannot move a channel: not by a file of its own, an old one under a new number, or another channel's", async () => {
    const { repository, one, two } = await twoSnapshots();
    await move(repository, one, null);
    await move(repository, two, one);
    const { store } = repository;
    const old = await store.read(
      `${folder}${numberOf(1)}`,
      0,
      (await store.size(`${folder}${numberOf(1)}`)) ?? 0,
    );
    await store.create(`${folder}${numberOf(7)}`, [old]);
    await store.create(`${folder}${numberOf(9)}`, [Buffer.from('{"snapshot":null}\n')]);
    await store.create(`${folder}ffffffffffffffff`, [new Uint8Array(1 << 20)]);
    await store.create(`refs/digits/served/${numberOf(1)}`, [old]);
    expect(await readRef(repository, good)).toMatchObject({ snapshot: two, number: 2n });
    expect(await readRef(repository, { model: "digits", channel: "served" })).toBeUndefined();
    // And cannot stop it from moving on.
    await move(repository, one, two);
    expect(await readRef(repository, good)).toMatchObject({ snapshot: one });
  });

  test("cannot unpin by damage: a channel of which nothing counts stops forget", async () => {
    const { repository, one } = await twoSnapshots();
    await move(repository, one, null);
    await repository.store.remove(`${folder}${numberOf(1)}`);
    await repository.store.create(`${folder}${numberOf(1)}`, [Buffer.from("rot")]);
    await expect(listRefs(repository)).rejects.toMatchObject({ code: "snapshot-corrupt" });
    await expect(forget(repository, [one])).rejects.toMatchObject({ code: "snapshot-corrupt" });
    expect((await listSnapshots(repository)).snapshots).toHaveLength(2);
  });

  test("whatever bytes it puts there, the newest good one counts", async () => {
    const { repository, one } = await twoSnapshots();
    await move(repository, one, null);
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 2, max: 60 }),
        async (bytes, n) => {
          await repository.store.create(`${folder}${numberOf(n)}`, [bytes]);
          expect((await readRef(repository, good))?.snapshot).toBe(one);
        },
      ),
      { numRuns: 30 },
    );
  });
});

test("forget refuses what a channel holds and removes nothing then", async () => {
  const { repository, one, two } = await twoSnapshots();
  await moveRef(
    repository,
    { model: "digits", channel: "pinned-hold-7" },
    { snapshot: one, expected: null, by: "" },
  );
  await expect(forget(repository, [one])).rejects.toThrow(/pinned-hold-7/);
  await expect(forget(repository, [two])).rejects.toThrow(/latest/);
  await expect(forget(repository, ["../config"])).rejects.toMatchObject({ code: "request-invalid" });
  expect((await listSnapshots(repository)).snapshots.map(({ id }) => id)).toEqual([one, two]);
});

describe("the lease", () => {
  test("one holds it; the next one gets it when it was released or ran out", async () => {
    const { repository, time } = await newRepository();
    const first = await takeLease(repository, "one");
    await expect(takeLease(repository, "two")).rejects.toThrow(/one collects/);
    await first.release();
    const second = await takeLease(repository, "two");
    time.nowMs += 31_000;
    const third = await takeLease(repository, "three");
    await expect(second.keep()).rejects.toMatchObject({ code: "conflict" });
    await third.keep();
  });

  test("is renewed while it is used", async () => {
    const { repository, time } = await newRepository();
    const lease = await takeLease(repository, "one");
    for (let n = 0; n < 10; n++) {
      time.nowMs += 11_000;
      await lease.keep();
      await expect(takeLease(repository, "two")).rejects.toMatchObject({ code: "conflict" });
    }
  });

  test("that claims a year, or was not written with the id key, holds nobody up", async () => {
    const { repository } = await newRepository();
    const name = `locks/gc/${numberOf(1)}.json`;
    const expiresAt = "2099-01-01T00:00:00.000Z";
    await repository.store.create(name, [macLine(repository.macKey, name, { holder: "clock", expiresAt })]);
    const lease = await takeLease(repository, "one");
    await lease.release();
    await repository.store.create(`locks/gc/${numberOf(90)}.json`, [Buffer.from("forged")]);
    await (await takeLease(repository, "two")).keep();
  });
});
