import { expect, test } from "vitest";
import { commitOf, filesOf, newRepository, readBack, weightsOf } from "../testing/repository-rig.ts";
import { opener } from "../testing/rig.ts";
import { listSnapshots } from "./list-snapshots.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { readRef } from "./refs.ts";

test("a snapshot is listed without a key, read with one, and is the latest", async () => {
  const { repository } = await newRepository();
  const { id, isLatest } = await commitOf(repository, weightsOf(1));
  const { snapshots, damaged } = await listSnapshots(repository);
  expect(damaged).toEqual([]);
  expect(snapshots).toMatchObject([{ id, stub: { model: "digits", files: 2 } }]);
  expect((await readSnapshot(repository, id, { opener })).stub.id).toBe(id);
  expect(await readBack(repository, id)).toEqual(filesOf(weightsOf(1)));
  expect(isLatest).toBe(true);
  expect((await readRef(repository, { model: "digits", channel: "latest" }))?.snapshot).toBe(id);
});

test("a second snapshot of the same files writes no pack, and opens no old one to know it", async () => {
  const { repository, reopen } = await newRepository();
  const first = await commitOf(repository, weightsOf(1));
  const again = await reopen();
  const second = await commitOf(again, weightsOf(1));
  expect([first.packs.length, second.packs.length]).toEqual([1, 0]);
  expect(await readBack(again, second.id)).toEqual(filesOf(weightsOf(1)));
});
