import { readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Fs, nodeFs } from "./fs.ts";
import { restoreTree } from "./restore.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir, writeFiles } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const good = { "1/model.onnx": "good weights", "config.pbtxt": "config", "labels.txt": "0 1 2" };
const judged = { "1/model.onnx": "unapproved", "labels.txt": "unapproved too" };
/** One file that the restore changes too, one that it has right, one that it does not know. */
const deploy = { "labels.txt": "release two", "config.pbtxt": "config two", "2/model.onnx": "model two" };

const ways: Record<string, (dir: string) => Promise<unknown>> = {
  "writes in place": (dir) => writeFiles(dir, deploy),
  "renames over": async (dir) => {
    for (const [path, text] of Object.entries(deploy)) {
      await writeFiles(dir, { [path.replace(/[^/]+$/, ".new")]: text });
      await rename(join(dir, path.replace(/[^/]+$/, ".new")), join(dir, path));
    }
  },
  "deletes and writes": async (dir) => {
    for (const path of Object.keys(deploy)) await unlink(join(dir, path)).catch(() => {});
    await writeFiles(dir, deploy);
  },
};

test.for(Object.keys(ways))(
  "a deploy that %s, at any call of a restore, ends as after the restore or as without it",
  async (way) => {
    const outcomes = new Set<string>();
    // Every call by one way, every third by each other one: this runs on the real disk.
    const stride = way === "renames over" ? 1 : 3;
    for (let at = 0, isOver = false; !isOver; at += stride) {
      await using model = await spoiltModel(good, judged);
      const fs = beforeEachCall(async (count) => {
        if (count === at) await ways[way]?.(model.dir);
        isOver = count < at;
      });
      await restoreTree({ ...model.restore, fs }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "tree-changed" });
      });
      if (isOver) break;
      const live: [string, string][] = [];
      for (const { path } of (await scanTree({ dir: model.dir })).files)
        live.push([path, await readFile(join(model.dir, path), "utf8")]);
      const after = { ...good, ...deploy };
      const without = { ...good, ...judged, ...deploy };
      expect([after, without], `at call ${at}`).toContainEqual(Object.fromEntries(live));
      outcomes.add(live[0]?.[1] ?? "");
    }
    expect(outcomes).toEqual(new Set([good["1/model.onnx"], judged["1/model.onnx"]]));
  },
);

test("the window in which names change does not grow with the bytes", async () => {
  const calls: number[] = [];
  for (const size of [50, 50_000, 50_000_000]) {
    await using model = await spoiltModel(
      { ...good, "1/model.onnx": "w".repeat(size) },
      { "1/model.onnx": "x".repeat(size) },
    );
    let now = 0;
    const marks = new Map<string, number>();
    const fs = beforeEachCall(async (count) => {
      now = count;
    });
    await restoreTree({ ...model.restore, fs, onPhase: (phase) => marks.set(phase, now) });
    calls.push((marks.get("verify") ?? 0) - (marks.get("swap") ?? 0));
  }
  expect(calls[0]).toBeGreaterThan(0);
  expect(new Set(calls).size).toBe(1);
});

async function spoiltModel(files: Record<string, string>, spoilt: Record<string, string>) {
  const model = await makeModelDir(files);
  const target = await scanTree({ dir: model.dir });
  const { source } = await stageTwin({ dir: model.dir, tree: target });
  for (const [path, text] of Object.entries(spoilt)) await writeFile(join(model.dir, path), text);
  const { digest: expected } = await scanTree({ dir: model.dir });
  return { ...model, restore: { dir: model.dir, expected, target, source } };
}

/** Calls of the file system count from 0; one that the hook makes does not count. */
function beforeEachCall(before: (count: number) => Promise<void>): Fs {
  let count = 0;
  return Object.fromEntries(
    Object.entries(nodeFs).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        await before(count++);
        return (call as (...given: never[]) => Promise<unknown>)(...args);
      },
    ]),
  ) as Fs;
}
