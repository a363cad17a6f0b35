import { cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  filesIn,
  openSnapshotDesk,
  type SnapshotDesk,
  safetensors,
  weights,
} from "../testing/snapshot-rig.ts";

const tuned = Object.fromEntries(
  Object.entries(weights).map(([name, bytes]) => [
    name,
    bytes.map((byte, at) => (at % 300 === 0 ? byte ^ 1 : byte)),
  ]),
);

/** A snapshot of the first version, whose folder stays beside, and a model folder that is tuned since. */
async function openTunedDesk(): Promise<SnapshotDesk & { older: string; first: string }> {
  const desk = await openSnapshotDesk();
  const first = await desk.create();
  const older = join(desk.dir, "older");
  await cp(desk.modelDir, older, { recursive: true });
  await writeFile(join(desk.modelDir, "m.safetensors"), safetensors(tuned, "a note that moves every tensor"));
  return { ...desk, older, first };
}

const createOf = (desk: SnapshotDesk, ...argv: string[]) =>
  desk.snapshot("create", "--model-dir", desk.modelDir, "--name", "digits", "--json", ...argv);
const differencesOf = async (desk: SnapshotDesk, ...argv: string[]) => {
  const { code, json, stderr } = await createOf(desk, ...argv);
  expect([code, stderr]).toEqual([0, ""]);
  return json.at(-1)?.differences;
};

/** Moves the operator's key away: from then on the desk can write, and read nothing. */
const withoutKey = (desk: SnapshotDesk) => rename(desk.keyFile, join(desk.dir, "kept.key"));

test("a machine without a key stores a fine-tune as differences against the folder that it has still", async () => {
  await using desk = await openTunedDesk();
  await withoutKey(desk);
  expect(await differencesOf(desk, "--base", desk.first, "--base-dir", desk.older)).toEqual({
    // The header, two large tensors, a run of small ones.
    chunks: 4,
    stored: 3,
    from: desk.older,
  });
  const to = join(desk.dir, "restored");
  const restored = await desk.snapshot(
    "restore",
    "digits/latest",
    "--to",
    to,
    "--key",
    join(desk.dir, "kept.key"),
  );
  expect(restored.code).toBe(0);
  expect(await filesIn(to)).toEqual(await filesIn(desk.modelDir));
});

test("who holds a key needs no folder", async () => {
  await using desk = await openTunedDesk();
  await rm(desk.older, { recursive: true });
  expect(await differencesOf(desk, "--base", "digits/latest")).toEqual({
    chunks: 4,
    stored: 3,
    from: `snapshot ${desk.first}`,
  });
});

test("a twin is taken by the folder that holds its record", async () => {
  await using desk = await openTunedDesk();
  const twin = join(desk.dir, "twin");
  await mkdir(twin);
  await rename(desk.older, join(twin, "files"));
  await writeFile(join(twin, "twin.json"), "{}");
  expect(await differencesOf(desk, "--base-dir", twin)).toMatchObject({
    stored: 3,
    from: join(twin, "files"),
  });
});

test("a folder of other bytes is said to have served nothing, and the snapshot is whole", async () => {
  await using desk = await openTunedDesk();
  const file = join(desk.older, "m.safetensors");
  await writeFile(
    file,
    (await readFile(file)).map((byte) => byte ^ 0x55),
  );
  const ran = await desk.snapshot(
    "create",
    "--model-dir",
    desk.modelDir,
    "--name",
    "digits",
    "--base-dir",
    desk.older,
  );
  expect([ran.code, ran.stdout]).toEqual([
    0,
    expect.stringContaining("no new chunk is stored as a difference"),
  ]);
  expect(await desk.snapshot("verify", "--read-data")).toMatchObject({ code: 0 });
});

test.for<
  [string, (desk: SnapshotDesk & { older: string; first: string }) => Promise<string[]>, number, string]
>([
  ["no such folder", async () => ["--base-dir", "absent"], 13, "is no folder"],
  ["a file", async ({ older }) => ["--base-dir", join(older, "m.safetensors")], 13, "is no folder"],
  [
    "the model's own folder",
    async ({ modelDir }) => ["--base-dir", modelDir],
    64,
    "expected an older version's",
  ],
  [
    "no such snapshot",
    async ({ older }) => ["--base", "digits/nothing", "--base-dir", older],
    13,
    "points to no snapshot",
  ],
  [
    "a snapshot, and neither a key nor a folder",
    async (desk) => {
      await withoutKey(desk);
      return ["--base", desk.first];
    },
    12,
    "--base-dir",
  ],
  [
    "a snapshot of another model",
    async (desk) => {
      await desk.snapshot("create", "--model-dir", desk.older, "--name", "other");
      return ["--base", "other/latest"];
    },
    4,
    "is of other, not of digits",
  ],
])("%s is refused, and nothing is stored", async ([, flagsOf, code, told]) => {
  await using desk = await openTunedDesk();
  const flags = await flagsOf(desk);
  const before = await desk.snapshot("ls", "--json");
  const ran = await createOf(desk, ...flags);
  expect([ran.code, ran.stderr]).toEqual([code, expect.stringContaining(told)]);
  expect((await desk.snapshot("ls", "--json")).json).toEqual(before.json);
});
