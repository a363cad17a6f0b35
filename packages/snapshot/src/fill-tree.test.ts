import { readFileSync } from "node:fs";
import { mkdir, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fillTree } from "./fill-tree.ts";
import { openTwin } from "./open-twin.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const good = { "1/model.onnx": "good weights", "config.pbtxt": "name: digits", "labels.txt": "0 1 2" };

/** A model whose verified copy lies on another volume. */
async function spared() {
  const model = await makeModelDir(good);
  const twinRoot = join(model.scratch, "spare", "twins");
  const tree = await scanTree({ dir: model.dir });
  const { source } = await stageTwin({ dir: model.dir, tree, twinRoot });
  return { ...model, twinRoot, tree, source };
}
const digestOf = async (dir: string) => (await scanTree({ dir })).digest;

test.each<[string, (dir: string) => Promise<unknown>]>([
  ["is not there", (dir) => rm(dir, { recursive: true })],
  ["is not there, nor its parent", (dir) => rm(join(dir, ".."), { recursive: true })],
  [
    "is empty but for what a file system keeps there",
    async (dir) => {
      await rm(dir, { recursive: true });
      await mkdir(join(dir, "lost+found"), { recursive: true });
    },
  ],
  ["lacks a file", (dir) => unlink(join(dir, "1/model.onnx"))],
])("a folder that %s is filled, byte for byte", async (_what, damage) => {
  await using model = await spared();
  const { dir, tree, source } = model;
  await damage(dir);
  const told: string[] = [];
  const filled = await fillTree({ dir, target: tree, source, onWrite: async () => void told.push("write") });
  expect(filled).toMatchObject({ outcome: "filled", restored: expect.arrayContaining(["1/model.onnx"]) });
  expect(told).toEqual(["write"]);
  expect(await digestOf(dir)).toBe(tree.digest);
  expect(await fillTree({ dir, target: tree, source })).toEqual({ outcome: "whole" });
});

test.each<[string, string, (dir: string) => Promise<unknown>]>([
  [
    "a file more",
    "2/model.onnx",
    (dir) => mkdir(join(dir, "2")).then(() => writeFile(join(dir, "2/model.onnx"), "x")),
  ],
  ["half a file", "1/model.onnx", (dir) => writeFile(join(dir, "1/model.onnx"), "good")],
  [
    "other bytes of the same size, where one is missing",
    "1/model.onnx",
    async (dir) => {
      await writeFile(join(dir, "1/model.onnx"), "evil weights");
      await unlink(join(dir, "labels.txt"));
    },
  ],
])("a folder with %s is somebody else's, and stays", async (_what, path, change) => {
  await using model = await spared();
  const { dir, tree, source } = model;
  await change(dir);
  const before = await digestOf(dir);
  const onWrite = () => Promise.reject(new Error("nothing is to be written"));
  expect(await fillTree({ dir, target: tree, source, onWrite })).toEqual({ outcome: "foreign", path });
  expect(await digestOf(dir)).toBe(before);
});

test("a copy that is not what it was gives nothing", async () => {
  await using model = await spared();
  const { dir, tree, twinRoot } = model;
  const twin = await openTwin({ dir, twinRoot, digest: tree.digest, verify: "names" });
  const file = join(twin.path, "files/1/model.onnx");
  const size = readFileSync(file).length;
  await unlink(file).catch(() => undefined);
  await rm(file, { force: true });
  await writeFile(file, "e".repeat(size));
  await rm(dir, { recursive: true });
  const { source } = await openTwin({ dir, twinRoot, digest: tree.digest, verify: "names" });
  await expect(fillTree({ dir, target: tree, source })).rejects.toMatchObject({ code: "snapshot-corrupt" });
  expect((await scanTree({ dir })).files).toEqual([]);
});
