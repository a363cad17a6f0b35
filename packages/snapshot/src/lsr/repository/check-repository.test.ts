import { expect, test } from "vitest";
import { packPath } from "../pack/pack-path.ts";
import { damageByte } from "../testing/damage-byte.ts";
import { commitOf, newRepository, root, weightsOf } from "../testing/repository-rig.ts";
import { opener, openerOf } from "../testing/rig.ts";
import { checkRepository } from "./check-repository.ts";
import { loadIndex } from "./load-index.ts";

test("a sound repository has no damage, and all of it was looked at", async () => {
  const { repository } = await newRepository();
  await commitOf(repository, weightsOf(1));
  await commitOf(repository, weightsOf(2));
  const { damage, lost, coverage } = await checkRepository(repository, { opener });
  expect([damage, lost]).toEqual([[], []]);
  expect(coverage).toMatchObject({
    packs: 2,
    packsRead: 2,
    records: 4,
    recordsDecoded: 4,
    snapshotsOpened: 2,
  });
  expect((await checkRepository(repository)).coverage.recordsDecoded).toBe(0);
});

test("slices together read every pack once", async () => {
  const { repository } = await newRepository();
  for (const seed of [1, 2, 3, 4, 5]) await commitOf(repository, weightsOf(seed));
  let read = 0;
  for (const at of [0, 1, 2])
    read += (await checkRepository(repository, { slice: { at, of: 3 } })).coverage.packsRead;
  expect(read).toBe(5);
});

test("a changed byte of a pack is found without a key, and with one the snapshots that it cost", async () => {
  const { repository, disk } = await newRepository();
  const { id, packs } = await commitOf(repository, weightsOf(1));
  const other = await commitOf(repository, weightsOf(2));
  const name = packPath(packs[0] ?? "");
  const { index } = await loadIndex(repository, { for: "reader" });
  const largest = index.entriesOf(packs[0] ?? "").toSorted((a, b) => b.length - a.length)[0];
  await damageByte(disk.fs, `${root}/${name}`, (largest?.offset ?? 0) + 100);
  expect((await checkRepository(repository)).damage).toMatchObject([{ name }]);
  const { damage, lost } = await checkRepository(repository, { opener });
  expect(new Set(damage.map((each) => each.name))).toEqual(new Set([name, `snaps/${id}.sn`]));
  expect(lost).toEqual([id]);
  expect(lost).not.toContain(other.id);
});

test.for(["idx/", "snaps/", "packs/"])("a file of %s that is cut short is named", async (folder) => {
  const { repository } = await newRepository();
  await commitOf(repository, weightsOf(1));
  for await (const { name, bytes } of repository.store.list(folder)) {
    const half = await repository.store.read(name, 0, bytes >> 1);
    await repository.store.remove(name);
    await repository.store.create(name, [half]);
    const { damage } = await checkRepository(repository, { opener });
    expect(damage.map((each) => each.name)).toContain(name);
  }
});

test("a pack that is gone costs its snapshot, and the ref that points to a lost manifest is told", async () => {
  const { repository } = await newRepository();
  const { id, packs } = await commitOf(repository, weightsOf(1));
  await repository.store.remove(packPath(packs[0] ?? ""));
  expect((await checkRepository(repository, { opener })).lost).toEqual([id]);
  await repository.store.remove(`snaps/${id}.sn`);
  expect((await checkRepository(repository)).damage).toMatchObject([{ name: "refs/digits/latest" }]);
});

test("what is not sealed for the key is no damage, and no coverage either", async () => {
  const { repository } = await newRepository();
  await commitOf(repository, weightsOf(1));
  const { damage, lost, coverage } = await checkRepository(repository, { opener: openerOf(404) });
  expect([damage, lost]).toEqual([[], []]);
  expect(coverage).toMatchObject({ records: 3, recordsDecoded: 0, snapshots: 1, snapshotsOpened: 0 });
});
