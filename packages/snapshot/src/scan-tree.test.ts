import { createHash } from "node:crypto";
import { appendFile, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { Tree, treeChunkBytes } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { type Fs, nodeFs } from "./fs.ts";
import { scanLive, scanTree } from "./scan-tree.ts";
import { makeModelDir, writeFiles } from "./testing/model-dir.ts";
import { parseTree } from "./tree-digest.ts";

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex");

describe("scanTree", () => {
  test("records path, size, chunk and file digests, sorted", async () => {
    await using model = await makeModelDir({ "config.json": "{}", "1/model.onnx": "weights" });
    const tree = await scanTree({ dir: model.dir });
    expect(tree.files).toEqual([
      {
        path: "1/model.onnx",
        size: 7,
        chunks: [sha256("weights")],
        digest: sha256(Buffer.from(sha256("weights"), "hex")),
      },
      {
        path: "config.json",
        size: 2,
        chunks: [sha256("{}")],
        digest: sha256(Buffer.from(sha256("{}"), "hex")),
      },
    ]);
    const canonical = JSON.stringify(tree.files.map(({ path, size, digest }) => [path, size, digest]));
    expect(tree.digest).toBe(`sha256:${sha256(canonical)}`);
    expect(parseTree(JSON.parse(JSON.stringify(tree)))).toEqual(tree);
  });

  test("cuts files at 8 MiB", async () => {
    const weights = Buffer.alloc(treeChunkBytes * 2 + 5, 7);
    weights[treeChunkBytes] = 8;
    await using model = await makeModelDir({ "model.bin": weights, empty: "" });
    const tree = await scanTree({ dir: model.dir });
    expect(tree.files.map(({ path, chunks }) => [path, chunks.length])).toEqual([
      ["empty", 0],
      ["model.bin", 3],
    ]);
    expect(tree.files[1]?.chunks).toEqual(
      [0, 1, 2].map((n) => sha256(weights.subarray(n * treeChunkBytes, (n + 1) * treeChunkBytes))),
    );
    expect(Tree.safeParse(tree).success).toBe(true);
  });

  test("leaves out dot-files, dot-folders and what is ignored", async () => {
    await using model = await makeModelDir({
      model: "m",
      ".cache/x": "x",
      ".hidden": "h",
      "logs/today": "l",
      "a/b.tmp": "t",
      "1/__pycache__/model.cpython-311.pyc": "differs at each start",
      "lost+found/x": "of the file system",
    });
    const tree = await scanTree({ dir: model.dir, ignore: ["logs/**", "*.tmp"] });
    expect(tree.files.map(({ path }) => path)).toEqual(["model"]);
  });

  test("follows links that stay inside and reads linked content once", async () => {
    await using model = await makeModelDir({ "blobs/abc": "weights" });
    await mkdir(join(model.dir, "snapshots"));
    await symlink("../blobs/abc", join(model.dir, "snapshots", "model.safetensors"));
    await symlink("snapshots", join(model.dir, "current"));
    await symlink(".", join(model.dir, "loop"));
    await symlink("nowhere", join(model.dir, "dangling"));
    let reads = 0;
    const counting: Fs = {
      ...nodeFs,
      open: (...args) => {
        reads++;
        return nodeFs.open(...args);
      },
    };
    const tree = await scanTree({ dir: model.dir, fs: counting });
    expect(tree.files.map(({ path }) => path)).toEqual([
      "blobs/abc",
      "current/model.safetensors",
      "snapshots/model.safetensors",
    ]);
    expect(new Set(tree.files.map(({ digest }) => digest)).size).toBe(1);
    expect(reads).toBe(1);
  });

  test.for([
    ["a link that leads out", async (dir: string) => symlink("/etc/hostname", join(dir, "model"))],
    ["a relative link that leads out", async (dir: string) => symlink("../../x", join(dir, "model"))],
    ["a name with a control character", async (dir: string) => writeFile(join(dir, "a\nb"), "")],
    ["a name with a backslash", async (dir: string) => writeFile(join(dir, "a\\b"), "")],
    [
      "a name that is no UTF-8",
      async (dir: string) =>
        writeFile(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x41])]), ""),
    ],
  ] as const)("refuses %s", async ([, spoil]) => {
    await using model = await makeModelDir({ config: "{}" });
    await writeFile(join(model.scratch, "x"), "outside");
    await spoil(model.dir);
    await expect(scanTree({ dir: model.dir })).rejects.toMatchObject({ code: "refused" });
  });

  test("refuses a socket", async () => {
    await using model = await makeModelDir({ config: "{}" });
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(model.dir, "sock"), done));
    await expect(scanTree({ dir: model.dir })).rejects.toMatchObject({ code: "refused" });
    await new Promise((done) => server.close(done));
  });

  test("refuses more files and deeper folders than the limits", async () => {
    await using model = await makeModelDir({ a: "", b: "", "c/d/e/f": "" });
    const scan = (limits: { filesMax: number; depthMax: number }) => scanTree({ dir: model.dir, limits });
    await expect(scan({ filesMax: 2, depthMax: 9 })).rejects.toMatchObject({ code: "refused" });
    await expect(scan({ filesMax: 9, depthMax: 2 })).rejects.toMatchObject({ code: "refused" });
    await expect(scan({ filesMax: 9, depthMax: 9 })).resolves.toMatchObject({ files: { length: 3 } });
  });

  test("a missing directory is an empty tree", async () => {
    await using model = await makeModelDir({});
    expect((await scanTree({ dir: join(model.dir, "gone") })).files).toEqual([]);
  });

  test("reads a file again that changes once while it is read", async () => {
    await using model = await makeModelDir({ model: "old" });
    let writes = 1;
    const tree = await scanTree({ dir: model.dir, fs: writingWhileRead(() => writes-- > 0) });
    expect(tree.files[0]?.chunks).toEqual([sha256("old+")]);
  });

  test("never records a file that keeps changing", async () => {
    await using model = await makeModelDir({ model: "old", other: "o" });
    await expect(scanTree({ dir: model.dir, fs: writingWhileRead(() => true) })).rejects.toMatchObject({
      code: "tree-changed",
      message: expect.stringContaining("model"),
    });
  });

  test("sees a file that is replaced or added after it was read", async () => {
    await using model = await makeModelDir({ a: "a", b: "b" });
    let once = true;
    const fs: Fs = {
      ...nodeFs,
      open: async (path, ...rest) => {
        if (path.endsWith("/b") && once) {
          once = false;
          await writeFiles(model.dir, { "a.new": "A", c: "c" });
          await rename(join(model.dir, "a.new"), join(model.dir, "a"));
        }
        return nodeFs.open(path, ...rest);
      },
    };
    const tree = await scanTree({ dir: model.dir, fs });
    expect(tree.files.map(({ path, chunks }) => [path, chunks[0]])).toEqual([
      ["a", sha256("A")],
      ["b", sha256("b")],
      ["c", sha256("c")],
    ]);
  });

  test("does not read again what is known", async () => {
    await using model = await makeModelDir({ a: "a", b: "b" });
    const known = await scanLive({ dir: model.dir });
    await writeFile(join(model.dir, "b"), "B");
    const opened: string[] = [];
    const fs: Fs = {
      ...nodeFs,
      open: (path, ...rest) => {
        opened.push(path);
        return nodeFs.open(path, ...rest);
      },
    };
    expect(await scanLive({ dir: model.dir, known, fs })).toEqual(await scanLive({ dir: model.dir }));
    expect(opened).toEqual([join(model.dir, "b")]);
  });
});

/** Appends to the file `model` after its bytes were read and before they are believed. */
function writingWhileRead(isDue: () => boolean): Fs {
  return {
    ...nodeFs,
    open: async (path, ...rest) => {
      const handle = await nodeFs.open(path, ...rest);
      const read: typeof handle.read = async (...args) => {
        const count = await handle.read(...args);
        if (path.endsWith("/model") && isDue()) await appendFile(path, "+");
        return count;
      };
      return { ...handle, read };
    },
  };
}
