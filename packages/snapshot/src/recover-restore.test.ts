import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Fs, nodeFs } from "./fs.ts";
import { recoverRestore } from "./recover-restore.ts";
import { restoreTree } from "./restore.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const files = { "1/model.onnx": "good weights", "config.pbtxt": "config" };

/** A restore that stopped after its first file was taken away. */
async function interrupted() {
  const model = await makeModelDir(files);
  const tree = await scanTree({ dir: model.dir });
  const { source } = await stageTwin({ dir: model.dir, tree });
  await writeFile(join(model.dir, "1/model.onnx"), "bad");
  await writeFile(join(model.dir, "config.pbtxt"), "bad too");
  const { digest: expected } = await scanTree({ dir: model.dir });
  let isDead = false;
  const mortal: Fs = Object.fromEntries(
    Object.entries(nodeFs).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        if (isDead) throw new Error("the process is gone");
        const result = await (call as (...given: never[]) => Promise<unknown>)(...args);
        isDead = name === "rename" && String(args[0]).endsWith("model.onnx");
        return result;
      },
    ]),
  ) as Fs;
  await restoreTree({ dir: model.dir, expected, target: tree, source, fs: mortal }).catch(() => {});
  const journal = join(model.scratch, "models", ".locum-journal-digits", "restore.json");
  return { ...model, tree, source, journal, judged: expected };
}

describe("recoverRestore", () => {
  test("does nothing where nothing was interrupted", async () => {
    await using model = await makeModelDir(files);
    expect(await recoverRestore({ dir: model.dir })).toEqual({ outcome: "none" });
  });

  test("completes what was begun", async () => {
    await using model = await interrupted();
    expect(await readdir(join(model.dir, "1"))).toEqual([]);
    expect(await recoverRestore({ dir: model.dir })).toEqual({
      outcome: "completed",
      target: model.tree.digest,
    });
    expect(await scanTree({ dir: model.dir })).toEqual(model.tree);
  });

  test("a new restore waits for the recovery", async () => {
    await using model = await interrupted();
    const { digest: expected } = await scanTree({ dir: model.dir });
    const { dir, tree, source } = model;
    await expect(restoreTree({ dir, expected, target: tree, source })).rejects.toMatchObject({
      code: "conflict",
    });
  });

  test("goes back where a clone is not what it was", async () => {
    await using model = await interrupted();
    const clone = join(model.dir, ".locum", "clones-000001", "0");
    await rm(clone, { force: true });
    await writeFile(clone, "not verified");
    expect(await recoverRestore({ dir: model.dir })).toEqual({
      outcome: "rolled-back",
      target: model.tree.digest,
    });
    expect((await scanTree({ dir: model.dir })).digest).toBe(model.judged);
  });

  test("writes nothing through a link that came in the way", async () => {
    await using model = await interrupted();
    const outside = join(model.scratch, "outside");
    await mkdir(outside);
    await rm(join(model.dir, "1"), { recursive: true });
    await symlink(outside, join(model.dir, "1"));
    await recoverRestore({ dir: model.dir }).catch(() => {});
    expect(await readdir(outside)).toEqual([]);
  });

  const spoils: Record<string, (text: string) => string> = {
    "no JSON": () => "{",
    empty: () => "",
    "a path that leads up": (text) => text.replaceAll('"1/model.onnx"', '"../../outside"'),
    "an absolute path": (text) => text.replaceAll('"1/model.onnx"', '"/outside"'),
    "a number that leads up": (text) => text.replace('"id":"000001"', '"id":"../../1"'),
    "a clone that leads up": (text) => text.replace('"clone":"0"', '"clone":"../0"'),
    "a tree that is not its digest": (text) =>
      text.replaceAll("good weights", "x").replace(/"size":12/, '"size":13'),
    "keys that it does not have": (text) => text.replace("{", '{"more":1,'),
  };
  test.for(Object.keys(spoils))("sets aside a journal with: %s; the next restore works", async (name) => {
    await using model = await interrupted();
    const text = await readFile(model.journal, "utf8");
    const spoilt = spoils[name]?.(text) ?? text;
    expect(spoilt).not.toBe(text);
    await writeFile(model.journal, spoilt);
    expect(await recoverRestore({ dir: model.dir })).toEqual({ outcome: "quarantined" });
    expect(await readFile(`${model.journal}.unreadable`, "utf8")).toBe(spoilt);
    await recoverRestore({ dir: model.dir });
    const { digest: expected } = await scanTree({ dir: model.dir });
    const { dir, tree, source } = model;
    await restoreTree({ dir, expected, target: tree, source });
    expect(await scanTree({ dir })).toEqual(tree);
  });

  test("finds the folders again after the model directory was moved with them", async () => {
    await using model = await interrupted();
    const moved = join(model.scratch, "moved");
    await rename(join(model.scratch, "models"), moved);
    expect(await recoverRestore({ dir: join(moved, "digits") })).toMatchObject({ outcome: "completed" });
  });
});
