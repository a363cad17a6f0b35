import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDisplaced } from "./open-displaced.ts";
import { restoreTree } from "./restore.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir, writeFiles } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const good = { "1/model.onnx": "good weights", "config.pbtxt": "name: digits" };
const other = { "1/model.onnx": "other weights", "2/model.onnx": "a version more" };

test("a restore is taken back with what it displaced", async () => {
  await using model = await makeModelDir(good);
  const { dir } = model;
  const tree = await scanTree({ dir });
  const { source } = await stageTwin({ dir, tree });
  await writeFiles(dir, other);
  const before = await scanTree({ dir });
  const { displaced } = await restoreTree({ dir, expected: before.digest, target: tree, source });
  expect((await scanTree({ dir })).digest).toBe(tree.digest);
  const back = openDisplaced({ displaced: displaced ?? "", tree: before });
  await restoreTree({ dir, expected: tree.digest, target: before, source: back });
  expect((await scanTree({ dir })).digest).toBe(before.digest);
  expect(await readFile(join(dir, "2/model.onnx"), "utf8")).toBe("a version more");
});

test("and where the folder is a link to a version", async () => {
  await using model = await makeModelDir({ "versions/v1/model.onnx": "good weights" });
  const dir = join(model.dir, "current");
  await symlink("versions/v1", dir);
  const tree = await scanTree({ dir });
  const { source } = await stageTwin({ dir, tree });
  await writeFile(join(model.dir, "versions/v1/model.onnx"), "other weights");
  const before = await scanTree({ dir });
  const { displaced } = await restoreTree({ dir, expected: before.digest, target: tree, source });
  const back = openDisplaced({ displaced: displaced ?? "", tree: before });
  await restoreTree({ dir, expected: tree.digest, target: before, source: back });
  expect(await readFile(join(dir, "model.onnx"), "utf8")).toBe("other weights");
});

test("what is not there any more, or was changed since, is refused and nothing is touched", async () => {
  await using model = await makeModelDir(good);
  const { dir } = model;
  const tree = await scanTree({ dir });
  const displaced = join(dir, "..", "displaced");
  await mkdir(join(displaced, "files/1"), { recursive: true });
  await writeFile(join(displaced, "files/1/model.onnx"), "changed");
  await writeFiles(dir, other);
  const before = await scanTree({ dir });
  await writeFiles(dir, good);
  const { digest: expected } = await scanTree({ dir });
  const back = openDisplaced({ displaced, tree: before });
  await expect(restoreTree({ dir, expected, target: before, source: back })).rejects.toMatchObject({
    code: "snapshot-missing",
  });
  expect((await scanTree({ dir })).digest).toBe(expected);
  expect(tree.files.length).toBeGreaterThan(0);
});
