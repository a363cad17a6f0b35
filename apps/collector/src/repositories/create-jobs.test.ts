import { randomBytes } from "node:crypto";
import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { forget } from "@locum/snapshot/repository";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newTestRepository, type TestRepository } from "./repository.fixture.ts";

let kept: TestRepository;
beforeEach(async () => {
  kept = await newTestRepository();
});
afterEach(() => kept.close());

/** A pack of which one file is needed and a much larger one is not; it lies there since yesterday. */
async function halfEmptyPack(): Promise<void> {
  const small = randomBytes(100_000);
  const both = await kept.commit({ "large.bin": randomBytes(900_000), "small.bin": small });
  await kept.commit({ "small.bin": small });
  await forget(kept.repository, [both]);
  const yesterday = new Date(Date.now() - 86_400_000);
  for (const folder of readdirSync(join(kept.place, "packs")))
    for (const name of readdirSync(join(kept.place, "packs", folder)))
      utimesSync(join(kept.place, "packs", folder, name), yesterday, yesterday);
}

test("a half empty pack is written anew for the writer's recipients, and stays without them", async () => {
  await halfEmptyPack();
  expect(await kept.thread().jobs.prune({ holder: "x" })).toMatchObject({ repacked: 0, announced: 0 });
  const { jobs } = kept.thread(Date.now, kept.recipients);
  expect(await jobs.prune({ holder: "x" })).toMatchObject({ repacked: 1, announced: 1, missingChunks: 0 });
  const { snapshots } = await jobs.look();
  const [{ id } = { id: "" }] = snapshots;
  expect(await jobs.drill({ service: "s", id, releases: [], by: "x" })).toMatchObject({ bytes: 100_000 });
});

test("where there is no snapshot yet, there is nothing to do, and that is no damage", async () => {
  const { jobs } = kept.thread();
  expect(await jobs.look()).toMatchObject({ snapshots: [], refs: [], damaged: [] });
  await expect(jobs.prune({ holder: "x" })).rejects.toMatchObject({ code: "snapshot-missing" });
});

test("what is forgotten between two looks is not seen any more, what comes is", async () => {
  const { jobs } = kept.thread();
  const first = await kept.commit();
  const second = await kept.commit();
  expect((await jobs.look()).snapshots.map(({ id }) => id).sort()).toEqual([first, second].sort());
  await jobs.forget({ ids: [first] });
  const third = await kept.commit();
  expect((await jobs.look()).snapshots.map(({ id }) => id).sort()).toEqual([second, third].sort());
});

test("people who compare snapshots wait for each other", async () => {
  const [a, b] = [await kept.commit(), await kept.commit()];
  const { jobs } = kept.thread();
  const asked = { service: "s", id: b, against: a };
  const codes = await Promise.all(
    Array.from({ length: 10 }, () =>
      jobs.show(asked).then(
        () => "ok",
        ({ code }) => code,
      ),
    ),
  );
  expect(codes.filter((code) => code === "ok")).toHaveLength(4);
  expect(new Set(codes)).toEqual(new Set(["ok", "too-many-requests"]));
  expect(await jobs.show(asked)).toMatchObject({ changes: [{ path: "model.bin", change: "changed" }] });
});
