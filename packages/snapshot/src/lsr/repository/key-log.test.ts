import { describe, expect, test } from "vitest";
import { namesOf, newRepository } from "../testing/repository-rig.ts";
import { appendKeyEvent, readKeyLog } from "./key-log.ts";
import type { Repository } from "./repository.ts";

const key = "ab".repeat(32);
const use = (repository: Repository, verb: string) =>
  appendKeyEvent(repository, { kind: "key-use", by: "ops@desk", key, details: { verb, snapshot: null } });
const verbsOf = async (repository: Repository, last?: number) =>
  (await readKeyLog(repository, last === undefined ? {} : { last })).events.map(
    ({ details }) => details.verb,
  );

describe("the log of keys", () => {
  test("has every event in its order, each chained to the one before it", async () => {
    const { repository, time } = await newRepository();
    expect(await readKeyLog(repository)).toEqual({ events: [], problems: [], head: undefined });
    for (const verb of ["restore", "export", "prune"]) {
      await use(repository, verb);
      time.nowMs += 1000;
    }
    const { events, problems, head } = await readKeyLog(repository);
    expect(problems).toEqual([]);
    expect(events.map(({ number, details, at, by }) => [number, details.verb, at, by])).toEqual([
      [1n, "restore", "2026-01-02T03:04:05.000Z", "ops@desk"],
      [2n, "export", "2026-01-02T03:04:06.000Z", "ops@desk"],
      [3n, "prune", "2026-01-02T03:04:07.000Z", "ops@desk"],
    ]);
    expect(head).toMatchObject({ number: 3n });
    expect(await verbsOf(repository, 2)).toEqual(["export", "prune"]);
    expect((await readKeyLog(repository, { last: 2 })).problems).toEqual([]);
  });

  test("loses none of those that come at once", async () => {
    const { repository } = await newRepository();
    const verbs = Array.from({ length: 8 }, (_, n) => `verb-${n}`);
    await Promise.all(verbs.map((verb) => use(repository, verb)));
    expect((await verbsOf(repository)).toSorted()).toEqual(verbs);
    expect((await readKeyLog(repository)).problems).toEqual([]);
  });

  test.for([
    ["is missing", "audit/0000000000000002.al", undefined, 1],
    ["was changed", "audit/0000000000000002.al", (text: string) => text.replace("export", "nothing"), 2],
    ["was cut short", "audit/0000000000000002.al", (text: string) => text.slice(0, 50), 2],
    ["the first, is missing", "audit/0000000000000001.al", undefined, 1],
  ] as const)("shows that one %s", async ([, name, change, problems]) => {
    const { repository } = await newRepository();
    const { store } = repository;
    for (const verb of ["restore", "export", "prune"]) await use(repository, verb);
    const text = Buffer.from(await store.read(name, 0, (await store.size(name)) ?? 0)).toString();
    await store.remove(name);
    if (change) await store.create(name, [Buffer.from(change(text))]);
    expect((await readKeyLog(repository)).problems).toHaveLength(problems);
    // It goes on all the same.
    await use(repository, "restore");
    expect((await readKeyLog(repository)).problems).toHaveLength(problems);
  });

  test("passes over numbers that a stranger filled", async () => {
    const { repository } = await newRepository();
    await use(repository, "restore");
    for (const number of ["0000000000000002", "ffffffffffffffff"])
      await repository.store.create(`audit/${number}.al`, [Buffer.from("{}\n")]);
    expect((await use(repository, "export")).number).toBe(3n);
    expect(await verbsOf(repository)).toEqual(["restore", "export"]);
    expect((await namesOf(repository, "audit/")).length).toBe(4);
  });

  test("says so where the storage takes nothing", async () => {
    const { repository } = await newRepository();
    const { store } = repository;
    await use(repository, "restore");
    const full = { ...repository, store: { ...store, create: async () => false } };
    await expect(use(full, "export")).rejects.toMatchObject({ code: "conflict" });
  });
});
