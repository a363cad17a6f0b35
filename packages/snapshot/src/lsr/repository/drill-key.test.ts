import { expect, test } from "vitest";
import { damageByte } from "../testing/damage-byte.ts";
import { commitOf, namesOf, newRepository, root, weightsOf } from "../testing/repository-rig.ts";
import { opener, openerOf, sealing } from "../testing/rig.ts";
import { drillKey, escrowChannel, noteProof } from "./drill-key.ts";
import { readRef } from "./refs.ts";

const packsOf = async (repository: Parameters<typeof namesOf>[0]) =>
  (await namesOf(repository, "packs/")).filter((name) => name.endsWith(".pk"));

async function twoModels() {
  const made = await newRepository();
  const { repository, time } = made;
  const ids: string[] = [];
  for (const [model, seed] of [
    ["digits", 1],
    ["letters", 2],
    ["digits", 3],
  ] as const) {
    ids.push((await commitOf(repository, weightsOf(seed), { stub: { model } })).id);
    time.nowMs += 1000;
  }
  return { ...made, ids };
}

test("a recipient's key opens the newest snapshot of each model, and a stranger's nothing", async () => {
  const { repository, ids } = await twoModels();
  // The first commit's pack has the text that all share.
  expect(await drillKey(repository, { opener: openerOf(12) })).toEqual([
    { model: "digits", snapshot: ids[2], packs: 2, packsTried: 2, problems: [] },
    { model: "letters", snapshot: ids[1], packs: 2, packsTried: 2, problems: [] },
  ]);
  for (const { packsTried, problems } of await drillKey(repository, { opener: openerOf(404) })) {
    expect(packsTried).toBe(0);
    expect(problems).toMatchObject([{ what: expect.stringContaining("not sealed for key") }]);
  }
});

test("a pack that was written for others shows, though the manifest opens", async () => {
  const { repository, time } = await newRepository();
  const [first] = sealing.recipients;
  if (!first) throw new Error("a recipient");
  await commitOf(repository, weightsOf(1), { recipients: [first] });
  time.nowMs += 1000;
  // Every chunk is there: only the manifest is for both.
  await commitOf(repository, weightsOf(1));
  const [drilled] = await drillKey(repository, { opener: openerOf(12) });
  expect(drilled).toMatchObject({ packs: 1, packsTried: 0 });
  const [pack] = await packsOf(repository);
  expect(drilled?.problems).toMatchObject([{ name: pack, what: expect.stringContaining("not sealed") }]);
});

test("slices in a row try every pack once", async () => {
  const { repository } = await twoModels();
  let tried = 0;
  for (const at of [0, 1, 2])
    for (const { packsTried } of await drillKey(repository, {
      opener,
      models: ["digits"],
      slice: { at, of: 3 },
    }))
      tried += packsTried;
  expect(tried).toBe(2);
});

test("damage that the key would meet is told", async () => {
  const { repository, disk } = await newRepository();
  await commitOf(repository, weightsOf(1));
  const [pack = ""] = await packsOf(repository);
  // In the commitment: no key is the right one then.
  await damageByte(disk.fs, `${root}/${pack}`, 80);
  const [drilled] = await drillKey(repository, { opener });
  expect(drilled?.problems).toMatchObject([{ name: pack }]);
});

test("a proof is noted with its time, again for the same snapshot", async () => {
  const { repository, ids, time } = await twoModels();
  const name = { model: "digits", channel: escrowChannel };
  const note = () => noteProof(repository, { model: "digits", snapshot: ids[2] ?? "", by: "ops" });
  await note();
  const before = await readRef(repository, name);
  time.nowMs += 5000;
  await note();
  const after = await readRef(repository, name);
  expect(after).toMatchObject({ snapshot: ids[2], by: "ops" });
  expect(Date.parse(after?.at ?? "") - Date.parse(before?.at ?? "")).toBe(5000);
});
