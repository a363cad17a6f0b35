import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import {
  chmod,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Tree } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { type Fs, nodeFs } from "./fs.ts";
import { recoverRestore } from "./recover-restore.ts";
import { type RestoreOptions, restoreTree } from "./restore.ts";
import { scanTree } from "./scan-tree.ts";
import { makeModelDir, writeFiles } from "./testing/model-dir.ts";
import { stageTwin } from "./twin.ts";

const good = { "1/model.onnx": "good weights", "config.pbtxt": "name: digits", "labels.txt": "0 1 2" };

async function restored(
  dir: string,
  target: Tree,
  source: RestoreOptions["source"],
  more: Partial<RestoreOptions> = {},
) {
  const { digest } = await scanTree({ dir });
  return restoreTree({ dir, expected: digest, target, source, ...more });
}

async function stagedModel(files: Record<string, string> = good) {
  const model = await makeModelDir(files);
  const tree = await scanTree({ dir: model.dir });
  const { source } = await stageTwin({ dir: model.dir, tree });
  return { ...model, tree, source };
}

describe("restoreTree", () => {
  const damages: Record<string, (dir: string) => Promise<unknown>> = {
    "overwritten in place": (dir) => writeFile(join(dir, "1/model.onnx"), "bad weights!"),
    "replaced by a rename": async (dir) => {
      await writeFile(join(dir, "x"), "older");
      await rename(join(dir, "x"), join(dir, "1/model.onnx"));
    },
    truncated: (dir) => writeFile(join(dir, "1/model.onnx"), ""),
    deleted: (dir) => unlink(join(dir, "1/model.onnx")),
    "folder deleted": (dir) => rm(join(dir, "1"), { recursive: true }),
    "everything deleted": (dir) => rm(dir, { recursive: true }),
    "files added": (dir) =>
      writeFiles(dir, { "2/model.onnx": "never approved", "2/deep/er": "", extra: "e" }),
    "a file where a folder was": async (dir) => {
      await rm(join(dir, "1"), { recursive: true });
      await writeFile(join(dir, "1"), "file");
    },
    "a folder where a file was": async (dir) => {
      await unlink(join(dir, "labels.txt"));
      await writeFiles(join(dir, "labels.txt"), { inner: "x", ".dot": "kept" });
    },
    "a dangling link where a file was": async (dir) => {
      await unlink(join(dir, "labels.txt"));
      await symlink("gone", join(dir, "labels.txt"));
    },
    "one file linked to another": async (dir) => {
      await unlink(join(dir, "labels.txt"));
      await symlink("config.pbtxt", join(dir, "labels.txt"));
    },
    "all at once": async (dir) => {
      await writeFile(join(dir, "config.pbtxt"), "name: nobody");
      await rm(join(dir, "1"), { recursive: true });
      await writeFiles(dir, { "9/model.onnx": "x" });
    },
  };

  test.for(Object.keys(damages))("puts back a tree with: %s", async (name) => {
    await using model = await stagedModel();
    await damages[name]?.(model.dir);
    const bad = readAll(model.dir);
    const result = await restored(model.dir, model.tree, model.source);
    expect(result.live.tree).toEqual(model.tree);
    expect(readAll(model.dir)).toEqual(new Map(Object.entries(good)));
    expect(await recoverRestore({ dir: model.dir })).toEqual({ outcome: "none" });
    // Nothing that was there is lost, and nothing of ours is left in the directory.
    const kept = [...readAll(join(model.scratch, "models")).values()];
    for (const content of bad.values()) expect(kept).toContain(content);
    expect(readdirSync(model.dir).filter((entry) => entry.startsWith("."))).toEqual([]);
  });

  test("keeps the server's links and puts right what they lead to", async () => {
    await using model = await makeModelDir({ "blobs/abc": "weights" });
    await mkdir(join(model.dir, "snapshots"));
    await symlink("../blobs/abc", join(model.dir, "snapshots", "model.safetensors"));
    const tree = await scanTree({ dir: model.dir });
    const { source } = await stageTwin({ dir: model.dir, tree });
    await writeFile(join(model.dir, "blobs/abc"), "broken!");
    const { restored: paths, live } = await restored(model.dir, tree, source);
    expect(live.tree).toEqual(tree);
    expect(paths).toEqual(["blobs/abc"]);
    expect(await readlink(join(model.dir, "snapshots", "model.safetensors"))).toBe("../blobs/abc");

    await unlink(join(model.dir, "blobs/abc"));
    expect((await restored(model.dir, tree, source)).restored).toEqual(["blobs/abc"]);
    expect(await readFile(join(model.dir, "snapshots", "model.safetensors"), "utf8")).toBe("weights");
  });

  test("a reader that has the old file open keeps it; the path is a new inode with the old mode", async () => {
    await using model = await stagedModel();
    await writeFile(join(model.dir, "1/model.onnx"), "bad weights!");
    await chmod(join(model.dir, "1/model.onnx"), 0o640);
    const before = await stat(join(model.dir, "1/model.onnx"));
    const result = await restored(model.dir, model.tree, model.source);
    const after = await stat(join(model.dir, "1/model.onnx"));
    expect(after.ino).not.toBe(before.ino);
    expect(after.nlink).toBe(1);
    // The mode is that of the day when the copy was taken.
    expect(after.mode & 0o777).toBe(0o644);
    expect((await stat(join(result.displaced ?? "", "files/1/model.onnx"))).ino).toBe(before.ino);
  });

  test("does nothing when the live tree is the target", async () => {
    await using model = await stagedModel();
    const { restored: paths, displaced } = await restored(model.dir, model.tree, model.source);
    expect([paths, displaced]).toEqual([[], null]);
  });

  test("keeps a bounded number of displaced generations, the newest ones", async () => {
    await using model = await stagedModel();
    for (const text of ["one", "two", "three"]) {
      await writeFile(join(model.dir, "labels.txt"), text);
      await restored(model.dir, model.tree, model.source, { keepDisplaced: 2 });
    }
    const kept = readAll(join(model.scratch, "models", ".locum-displaced-digits"));
    expect([...kept.values()]).toEqual(["two", "three"]);
  });

  test("mends a bad chunk of the copy with the live file's good one", async () => {
    await using model = await stagedModel();
    const twin = model.source.localPath?.(model.tree.files[0] as never) ?? "";
    await writeFile(join(model.dir, "config.pbtxt"), "broken");
    await chmod(twin, 0o644);
    await writeFile(twin, "bit rot in a file that does not differ");
    expect((await restored(model.dir, model.tree, model.source)).live.tree).toEqual(model.tree);
  });

  describe("leaves everything as it is when", () => {
    const attempts: [string, string, (model: Awaited<ReturnType<typeof stagedModel>>) => Promise<unknown>][] =
      [
        [
          "another tree was judged",
          "tree-changed",
          ({ dir, tree, source }) => restoreTree({ dir, expected: tree.digest, target: tree, source }),
        ],
        [
          "a writer is seen",
          "tree-changed",
          ({ dir, tree, source }) => restored(dir, tree, source, { writerSeen: () => true }),
        ],
        [
          "a writer is seen when the clones are made",
          "tree-changed",
          ({ dir, tree, source }) => {
            let asked = 0;
            return restored(dir, tree, source, { writerSeen: () => ++asked > 1 });
          },
        ],
        [
          "the source holds another tree",
          "snapshot-missing",
          ({ dir, tree, source }) =>
            restored(dir, tree, { ...source, tree: { ...tree, digest: `sha256:${"0".repeat(64)}` } }),
        ],
        [
          "the source is corrupt",
          "snapshot-corrupt",
          async ({ dir, tree, source }) => {
            const twin = source.localPath?.(tree.files[0] as never) ?? "";
            await chmod(twin, 0o644);
            await writeFile(twin, "rotten bytes");
            return restored(dir, tree, source);
          },
        ],
        [
          "the disk has no room for the clones",
          "disk-full",
          ({ dir, tree, source }) =>
            restored(dir, tree, source, { fs: { ...nodeFs, freeBytes: async () => 1000 } }),
        ],
        [
          "the displaced files would be on another device",
          "refused",
          ({ dir, tree, source }) => restored(dir, tree, source, { fs: onOtherDevice(".locum-displaced") }),
        ],
      ];
    test.for(attempts)("%s", async ([, code, attempt]) => {
      await using model = await stagedModel();
      await writeFile(join(model.dir, "1/model.onnx"), "unapproved");
      const before = readAll(model.dir);
      await expect(attempt(model)).rejects.toMatchObject({ code });
      expect(readAll(model.dir)).toEqual(before);
      expect(await recoverRestore({ dir: model.dir })).toEqual({ outcome: "none" });
    });
  });
});

describe("restoreTree of a link to a version", () => {
  async function linkedModel() {
    const model = await makeModelDir({});
    const dir = join(model.scratch, "models", "current");
    await writeFiles(join(model.scratch, "models", "versions", "v1"), good);
    await symlink("versions/v1", dir);
    const tree = await scanTree({ dir });
    return { ...model, dir, tree, source: (await stageTwin({ dir, tree })).source };
  }

  test("switches the link to a new version and keeps the old one", async () => {
    await using model = await linkedModel();
    await writeFile(join(model.dir, "1/model.onnx"), "bad");
    const result = await restored(model.dir, model.tree, model.source);
    expect(result).toMatchObject({ method: "versions-link", live: { tree: model.tree } });
    expect(await readlink(model.dir)).toMatch(/^versions\/locum-[0-9a-f]{16}-1$/);
    expect(await readFile(join(result.displaced ?? "", "1/model.onnx"), "utf8")).toBe("bad");
  });

  test("makes a new version when the one that Locum made is damaged, and keeps their number bounded", async () => {
    await using model = await linkedModel();
    for (let turn = 1; turn <= 5; turn++) {
      await writeFile(join(model.dir, "1/model.onnx"), `bad ${turn}`);
      await restored(model.dir, model.tree, model.source);
      expect(await scanTree({ dir: model.dir })).toEqual(model.tree);
    }
    expect(readdirSync(join(model.scratch, "models", "versions")).length).toBe(4);
  });

  test("does not undo a deploy that switches the link meanwhile", async () => {
    await using model = await linkedModel();
    await writeFile(join(model.dir, "1/model.onnx"), "bad");
    await writeFiles(join(model.scratch, "models", "versions", "v2"), { "1/model.onnx": "release two" });
    const onPhase = (phase: string) => {
      if (phase !== "clone") return;
      renameLink(model.dir, "versions/v2");
    };
    await expect(restored(model.dir, model.tree, model.source, { onPhase })).rejects.toMatchObject({
      code: "tree-changed",
    });
    expect(await readlink(model.dir)).toBe("versions/v2");
  });
});

function readAll(dir: string): Map<string, string> {
  const all = new Map<string, string>();
  if (!existsSync(dir)) return all;
  for (const path of readdirSync(dir, { recursive: true, encoding: "utf8" }).toSorted()) {
    if (!dir.includes(".locum") && dir.endsWith("digits") && /(^|\/)\./.test(path)) continue;
    if (/locum-(twin|journal)/.test(path)) continue;
    const full = join(dir, path);
    if (statSync(full, { throwIfNoEntry: false })?.isFile()) all.set(path, readFileSync(full, "utf8"));
  }
  return all;
}

function onOtherDevice(part: string): Fs {
  return {
    ...nodeFs,
    lstat: async (path) => {
      const stat = await nodeFs.lstat(path);
      return path.includes(part) ? { ...stat, dev: stat.dev + 1n } : stat;
    },
  };
}

function renameLink(link: string, to: string): void {
  const { symlinkSync, renameSync } = process.getBuiltinModule("node:fs");
  symlinkSync(to, `${link}.new`);
  renameSync(`${link}.new`, link);
}
