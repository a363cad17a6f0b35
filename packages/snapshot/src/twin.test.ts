import { chmod, mkdir, readdir, readFile, rm, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { treeChunkBytes } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { nodeFs } from "./fs.ts";
import { listTwins, openTwin } from "./open-twin.ts";
import { scanTree } from "./scan-tree.ts";
import { snapshotPlaces } from "./snapshot-places.ts";
import { makeModelDir } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const files = { "1/model.onnx": "weights", "config.pbtxt": "config" };

describe("stageTwin", () => {
  test("makes a read-only copy with bytes and inodes of its own, in a dot folder beside", async () => {
    await using model = await makeModelDir({ ...files, big: Buffer.alloc(treeChunkBytes + 1, 3) });
    const tree = await scanTree({ dir: model.dir });
    const twin = await stageTwin({ dir: model.dir, tree });
    expect(twin.path).toBe(join(model.scratch, "models", ".locum-twin-digits", tree.digest.slice(7)));
    for (const { path } of tree.files) {
      const [live, copy] = await Promise.all([
        stat(join(model.dir, path)),
        stat(join(twin.path, "files", path)),
      ]);
      expect(copy.ino).not.toBe(live.ino);
      expect([copy.nlink, live.nlink, copy.mode & 0o777]).toEqual([1, 1, 0o444]);
    }
    await writeFile(join(model.dir, "1/model.onnx"), "in place");
    expect((await openTwin({ dir: model.dir, digest: tree.digest })).tree).toEqual(tree);
    expect(await listTwins({ dir: model.dir })).toEqual([tree.digest]);
  });

  test("gives the copy that is there, and makes it anew when it does not verify", async () => {
    await using model = await makeModelDir(files);
    const tree = await scanTree({ dir: model.dir });
    const { path } = await stageTwin({ dir: model.dir, tree });
    const copy = join(path, "files/1/model.onnx");
    const { ino } = await stat(copy);
    await stageTwin({ dir: model.dir, tree });
    expect((await stat(copy)).ino).toBe(ino);
    await chmod(copy, 0o600);
    await writeFile(copy, "wEights");
    await stageTwin({ dir: model.dir, tree });
    expect(await readFile(copy, "utf8")).toBe("weights");
  });

  test("keeps the newest and the pinned copies", async () => {
    await using model = await makeModelDir(files);
    const digests: string[] = [];
    for (const text of ["one", "two", "three", "four"]) {
      await writeFile(join(model.dir, "1/model.onnx"), text);
      const tree = await scanTree({ dir: model.dir });
      digests.push(tree.digest);
      await stageTwin({ dir: model.dir, tree, keep: 2, pinned: digests.slice(0, 1) });
    }
    expect((await listTwins({ dir: model.dir })).toSorted()).toEqual(
      [digests[0], digests[2], digests[3]].toSorted(),
    );
  });

  test("is kept inside the directory when the parent is another device, and stays there", async () => {
    await using model = await makeModelDir(files);
    const fs = {
      ...nodeFs,
      lstat: async (path: string) => {
        const found = await nodeFs.lstat(path);
        return path.startsWith(model.dir) ? { ...found, dev: found.dev + 1n } : found;
      },
    };
    const tree = await scanTree({ dir: model.dir });
    const { path } = await stageTwin({ dir: model.dir, tree, fs });
    expect(path).toBe(join(model.dir, ".locum", "twins", tree.digest.slice(7)));
    expect(await scanTree({ dir: model.dir })).toEqual(tree);
    expect((await snapshotPlaces({ dir: model.dir })).twinRoot).toBe(join(model.dir, ".locum", "twins"));
  });

  test("refuses files that are not the tree, and leaves nothing behind", async () => {
    await using model = await makeModelDir(files);
    const tree = await scanTree({ dir: model.dir });
    await writeFile(join(model.dir, "config.pbtxt"), "other");
    await expect(stageTwin({ dir: model.dir, tree })).rejects.toMatchObject({ code: "tree-changed" });
    await unlink(join(model.dir, "config.pbtxt"));
    await expect(stageTwin({ dir: model.dir, tree })).rejects.toMatchObject({ code: "tree-changed" });
    expect(await readdir(join(model.scratch, "models", ".locum-twin-digits"))).toEqual([]);
  });

  test("says before it begins that the disk has no room", async () => {
    await using model = await makeModelDir(files);
    const tree = await scanTree({ dir: model.dir });
    const fs = { ...nodeFs, freeBytes: async () => 1024 };
    await expect(stageTwin({ dir: model.dir, tree, fs })).rejects.toMatchObject({ code: "disk-full" });
  });

  test("finds bytes that the disk gives back otherwise than they were written", async () => {
    await using model = await makeModelDir(files);
    const tree = await scanTree({ dir: model.dir });
    const fs = {
      ...nodeFs,
      open: async (path: string, flags: "r" | "wx", mode?: number) => {
        const handle = await nodeFs.open(path, flags, mode);
        if (!path.endsWith("model.onnx") || flags !== "wx") return handle;
        return {
          ...handle,
          write: (bytes: Uint8Array, at: number) =>
            handle.write(
              bytes.map((b) => b ^ 1),
              at,
            ),
        };
      },
    };
    await expect(stageTwin({ dir: model.dir, tree, fs })).rejects.toMatchObject({ code: "storage-failed" });
  });
});

describe("openTwin", () => {
  const spoils: Record<string, [code: string, spoil: (twin: string) => Promise<unknown>]> = {
    "is gone": ["snapshot-missing", (twin) => rm(twin, { recursive: true })],
    "has no record": ["snapshot-corrupt", (twin) => unlink(join(twin, "twin.json"))],
    "has a record that is no JSON": ["snapshot-corrupt", (twin) => writeFile(join(twin, "twin.json"), "{")],
    "has a record that leads out": [
      "snapshot-corrupt",
      async (twin) => {
        const text = await readFile(join(twin, "twin.json"), "utf8");
        await writeFile(join(twin, "twin.json"), text.replaceAll("config.pbtxt", "../../../config"));
      },
    ],
    "lacks a file": ["snapshot-corrupt", (twin) => rm(join(twin, "files/config.pbtxt"))],
    "has a flipped byte": [
      "snapshot-corrupt",
      (twin) => writeFile(join(twin, "files/config.pbtxt"), "confiG"),
    ],
    "has a link for a file": [
      "snapshot-corrupt",
      async (twin) => {
        await rm(join(twin, "files/config.pbtxt"));
        await symlink("1/model.onnx", join(twin, "files/config.pbtxt"));
      },
    ],
  };
  test.for(Object.keys(spoils))("refuses a copy that %s", async (name) => {
    await using model = await makeModelDir(files);
    const tree = await scanTree({ dir: model.dir });
    const { path } = await stageTwin({ dir: model.dir, tree });
    for (const place of [join(path, "files"), join(path, "files/1")]) await chmod(place, 0o755);
    for (const file of ["config.pbtxt", "1/model.onnx"]) await chmod(join(path, "files", file), 0o644);
    const [code, spoil] = spoils[name] ?? ["", async () => {}];
    await spoil(path);
    await expect(openTwin({ dir: model.dir, digest: tree.digest })).rejects.toMatchObject({ code });
  });

  test("takes no path for a digest", async () => {
    await using model = await makeModelDir(files);
    await mkdir(join(model.scratch, "elsewhere"));
    await expect(openTwin({ dir: model.dir, digest: "sha256:/../../elsewhere" })).rejects.toMatchObject({
      code: "snapshot-missing",
    });
  });
});
