import { expect, test } from "vitest";
import { baseOf, commitOf, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { opener, openerOf } from "../testing/rig.ts";
import { loadIndex } from "./load-index.ts";
import { neededFiles } from "./needed-files.ts";
import { openByManifests } from "./open-by-manifests.ts";
import { openFileKeys } from "./open-file-keys.ts";
import { readSnapshot } from "./read-snapshot.ts";

test("a snapshot needs its manifest, its packs, and those of the bases of its differences; no other's", async () => {
  const { repository } = await newRepository();
  const first = await commitOf(repository, weightsOf(1));
  const near = Uint8Array.from(weightsOf(1));
  near[100] = (near[100] ?? 0) ^ 1;
  const second = await commitOf(repository, near, { base: baseOf(weightsOf(1)) });
  const third = await commitOf(repository, weightsOf(3));
  const { index } = await loadIndex(repository, { for: "reader" });
  const needed = async (id: string) =>
    neededFiles(id, (await readSnapshot(repository, id, { opener })).body, index);
  const nameOf = (pack: string) => `packs/${pack.slice(0, 2)}/${pack}.pk`;

  const ofSecond = await needed(second.id);
  expect([...ofSecond].sort()).toEqual(
    [`snaps/${second.id}.sn`, ...[...first.packs, ...second.packs].map(nameOf)].sort(),
  );
  for (const pack of third.packs) expect(ofSecond.has(nameOf(pack))).toBe(false);

  for (const name of ofSecond) {
    const { fileKey, idKey } = await openFileKeys(repository, { name, opener });
    expect([fileKey.length, Buffer.from(idKey)]).toEqual([32, Buffer.from(repository.idKey)]);
  }
});

test("a private key alone opens a repository that has a snapshot", async () => {
  const { repository } = await newRepository();
  const { idKey, ...deps } = repository;
  expect(await openByManifests(deps, { opener })).toBeUndefined();
  await commitOf(repository, weightsOf(1));
  expect(Buffer.from((await openByManifests(deps, { opener }))?.idKey ?? [])).toEqual(Buffer.from(idKey));
  await expect(openByManifests(deps, { opener: openerOf(404) })).rejects.toMatchObject({
    code: "not-authorised",
  });
});
