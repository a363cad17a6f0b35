import { appendFile, readFile, rename, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, treeChunkBytes } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { openLiveFile } from "./live-file.ts";
import { liveSource } from "./live-source.ts";
import { openTwin } from "./open-twin.ts";
import { restoreTree } from "./restore.ts";
import { scanLive, scanTree } from "./scan-tree.ts";
import type { Source } from "./source.ts";
import { sourcesInOrder } from "./sources-in-order.ts";
import { makeModelDir } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const big = Buffer.alloc(2 * treeChunkBytes + 10, 5);
const missing = async (): Promise<Source> => {
  throw new Fault("snapshot-missing", "not here");
};

describe("sources in order", () => {
  test("a damaged chunk comes from far, the others from what is there", async () => {
    await using model = await makeModelDir({ "model.bin": big, "config.json": "{}" });
    const tree = await scanTree({ dir: model.dir });
    await stageTwin({ dir: model.dir, tree });
    const far = (await openTwin({ dir: model.dir, digest: tree.digest })).source;
    const damaged = Buffer.from(big);
    damaged[treeChunkBytes + 3] = 9;
    await writeFile(join(model.dir, "model.bin"), damaged);
    const { digest: expected } = await scanTree({ dir: model.dir });
    const told: string[] = [];
    const source = await sourcesInOrder({
      tree,
      sources: [
        { name: "twin", open: missing },
        { name: "live", open: async () => liveSource({ dir: model.dir, tree }) },
        { name: "far", open: async () => ({ tree: far.tree, readChunk: far.readChunk }) },
      ],
      onFault: (name) => told.push(name),
    });
    await restoreTree({ dir: model.dir, expected, target: tree, source });
    expect((await readFile(join(model.dir, "model.bin"))).equals(big)).toBe(true);
    expect(source.bytesFrom()).toEqual({ live: treeChunkBytes + 10, far: treeChunkBytes });
    expect(told).toEqual(["twin", "live"]);
  });

  test("without any, the first fault says why; another tree is none", async () => {
    await using model = await makeModelDir({ a: "a" });
    const tree = await scanTree({ dir: model.dir });
    const corrupt = async (): Promise<Source> => {
      throw new Fault("snapshot-corrupt", "damaged");
    };
    const of = (sources: Parameters<typeof sourcesInOrder>[0]["sources"]) =>
      sourcesInOrder({ tree, sources });
    await expect(
      of([
        { name: "twin", open: corrupt },
        { name: "b", open: missing },
      ]),
    ).rejects.toMatchObject({
      code: "snapshot-corrupt",
    });
    const other = { digest: `sha256:${"0".repeat(64)}`, files: [] };
    await expect(
      of([{ name: "b", open: async () => liveSource({ dir: model.dir, tree: other }) }]),
    ).rejects.toMatchObject({ code: "snapshot-missing" });
    await expect(of([])).rejects.toMatchObject({ code: "snapshot-missing" });
  });

  test("a defect is no missing source", async () => {
    await using model = await makeModelDir({ a: "a" });
    const tree = await scanTree({ dir: model.dir });
    const broken = async (): Promise<Source> => {
      throw new TypeError("a defect");
    };
    await expect(sourcesInOrder({ tree, sources: [{ name: "x", open: broken }] })).rejects.toThrow(TypeError);
  });
});

describe("a live file", () => {
  test("is opened by its path in the tree, and only while it is what was hashed", async () => {
    await using model = await makeModelDir({ "1/model.bin": "weights", outside: "secret" });
    const live = await scanLive({ dir: model.dir, ignore: ["outside"] });
    const open = (path: string) => openLiveFile({ dir: model.dir, live, path });
    const file = await open("1/model.bin");
    const buffer = Buffer.alloc(7);
    await file.read(buffer, 0);
    expect([buffer.toString(), await file.isSame()]).toEqual(["weights", true]);
    await appendFile(join(model.dir, "1/model.bin"), "!");
    expect(await file.isSame()).toBe(false);
    await file.close();
    await expect(open("1/model.bin")).rejects.toMatchObject({ code: "tree-changed" });
    for (const path of ["outside", "../outside", "1/../outside", "/etc/hostname", "", "1"])
      await expect(open(path)).rejects.toMatchObject({ code: "not-found" });
  });

  test("is not another file that a link leads to now", async () => {
    await using model = await makeModelDir({ "model.bin": "weights" });
    const live = await scanLive({ dir: model.dir });
    await writeFile(join(model.scratch, "secret"), "secrets");
    await unlink(join(model.dir, "model.bin"));
    await symlink(join(model.scratch, "secret"), join(model.dir, "model.bin"));
    await expect(openLiveFile({ dir: model.dir, live, path: "model.bin" })).rejects.toMatchObject({
      code: "tree-changed",
    });
    await rename(join(model.scratch, "secret"), join(model.scratch, "gone"));
    await expect(openLiveFile({ dir: model.dir, live, path: "model.bin" })).rejects.toMatchObject({
      code: "tree-changed",
    });
  });
});
