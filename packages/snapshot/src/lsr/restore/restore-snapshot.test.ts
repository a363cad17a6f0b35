import { describe, expect, test } from "vitest";
import { makeDirs, removeTree } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { faultyFs } from "../../testing/faulty-fs.ts";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import {
  id,
  lookAt,
  manifestOf,
  memorySource,
  modelFiles,
  putFiles,
  restoreOnce,
  to,
  wholeTree,
} from "../testing/restore-rig.ts";
import { planRestore } from "./plan-restore.ts";
import type { RestoreProgress } from "./restore-progress.ts";
import { restoreSnapshot } from "./restore-snapshot.ts";

const newDisk = async () => {
  const disk = createMemoryFs();
  await makeDirs(disk.fs, to);
  return disk;
};
const planOf = (on: Fs, more: object = {}) =>
  planRestore({
    repository: { hash: nativeHash },
    manifest: manifestOf(),
    to,
    sources: [memorySource("repository")],
    fs: on,
    ...more,
  });

describe("into versions", () => {
  test("a version with every byte, mode, time and link, and nothing else beside it", async () => {
    const { fs } = await newDisk();
    const { path } = await restoreOnce({ fs });
    expect(path).toBe(`${to}/versions/${id}`);
    expect(await lookAt(fs, path)).toEqual(wholeTree());
    expect(await fs.readdir(`${to}/versions`)).toEqual([id]);
  });

  test("a second restore finds it, writes nothing and asks nobody", async () => {
    const { fs } = await newDisk();
    await restoreOnce({ fs });
    const source = memorySource("repository");
    const plan = await planOf(fs, { sources: [source] });
    expect(plan).toMatchObject({ already: `${to}/versions/${id}`, space: { neededBytes: 0 } });
    expect((await restoreSnapshot({ ...plan, fs })).path).toBe(plan.already);
    expect(source.asked).toEqual([]);
  });

  test("a version that was damaged stays as it is: a new one is made beside it, of its good chunks", async () => {
    const { fs } = await newDisk();
    const { path } = await restoreOnce({ fs });
    const handle = await fs.open(`${path}/1/model.onnx`, "r");
    await handle.write(Uint8Array.of(1, 2, 3), 1500);
    const damaged = await lookAt(fs, path);
    const again = await restoreOnce({ fs });
    expect(again.path).toBe(`${path}-2`);
    expect(again.bytesBySource).toEqual({ local: 3514, repository: 1000 });
    expect(await lookAt(fs, again.path)).toEqual(wholeTree());
    expect(await lookAt(fs, path)).toEqual(damaged);
  });

  test("good chunks of what is served are not fetched, and the plan says so before", async () => {
    const { fs } = await newDisk();
    const changed = Uint8Array.from(modelFiles["1/model.onnx"] ?? [], (byte, n) => (n < 1000 ? 0 : byte));
    await putFiles(fs, `${to}/versions/old`, { ...modelFiles, "1/model.onnx": changed });
    await fs.symlink("versions/old", `${to}/current`);
    const source = memorySource("repository");
    const plan = await planOf(fs, { sources: [source] });
    expect(plan.bytesBySource).toEqual({ local: 3514, repository: 1000 });
    const { bytesBySource, path } = await restoreSnapshot({ ...plan, fs });
    expect(bytesBySource).toEqual(plan.bytesBySource);
    expect(source.asked).toHaveLength(1);
    expect(await lookAt(fs, path)).toEqual(wholeTree());
  });

  test("live bytes that change after the plan come from the next source", async () => {
    const { fs } = await newDisk();
    await putFiles(fs, `${to}/versions/old`, modelFiles);
    await fs.symlink("versions/old", `${to}/current`);
    const plan = await planOf(fs);
    const handle = await fs.open(`${to}/current/1/model.onnx`, "r");
    await handle.write(new Uint8Array(2500), 0);
    const { path, bytesBySource, dropped } = await restoreSnapshot({ ...plan, fs });
    expect(bytesBySource).toEqual({ local: 1514, repository: 3000 });
    expect(dropped).toEqual([]);
    expect(await lookAt(fs, path)).toEqual(wholeTree());
  });
});

describe("into a folder", () => {
  test.for(["absent", "empty"])("that is %s", async (state) => {
    const { fs } = await newDisk();
    if (state === "empty") await fs.mkdir("/srv/other");
    const { path } = await restoreOnce({ fs, to: "/srv/other", layout: "folder" });
    expect(await lookAt(fs, path)).toEqual(wholeTree());
    expect((await fs.readdir("/srv")).sort()).toEqual(["model", "other"]);
  });

  test("with something in it is refused, and stays", async () => {
    const { fs } = await newDisk();
    await putFiles(fs, "/srv/other", { mine: Buffer.from("mine") });
    const restore = restoreOnce({ fs, to: "/srv/other", layout: "folder" });
    await expect(restore).rejects.toMatchObject({ code: "refused" });
    expect(await fs.readdir("/srv/other")).toEqual(["mine"]);
  });

  test("one file of it", async () => {
    const { fs } = await newDisk();
    const only = ["config.pbtxt"];
    const { path, bytesBySource } = await restoreOnce({ fs, to: "/srv/one", layout: "folder", only });
    expect(Object.keys(await lookAt(fs, path))).toEqual(only);
    expect(bytesBySource).toEqual({ repository: 14 });
  });

  test.for([
    [{ only: ["nothing"], layout: "folder" as const }, "not-found"],
    [{ only: ["config.pbtxt"] }, "usage"],
  ] as const)("a part %o is %s", async ([more, code]) => {
    const { fs } = await newDisk();
    await expect(planOf(fs, { to: "/srv/one", ...more })).rejects.toMatchObject({ code });
  });
});

test("a plan changes nothing", async () => {
  const disk = await newDisk();
  const before = disk.contents();
  await planOf(disk.fs);
  expect(disk.contents()).toEqual(before);
  expect(await disk.fs.readdir(to)).toEqual([]);
});

test("too little space is told before a byte is written", async () => {
  const disk = await newDisk();
  const fs = { ...disk.fs, freeBytes: async () => 10_000 };
  await expect(restoreOnce({ fs })).rejects.toMatchObject({ code: "disk-full" });
  expect(await fs.readdir(to)).toEqual([]);
});

test("bytes that no source has are told before a byte is written, with their file", async () => {
  const { fs } = await newDisk();
  const source = memorySource("repository", { config: modelFiles["config.pbtxt"] ?? new Uint8Array() });
  const plan = await planOf(fs, { sources: [source] });
  expect(plan.missing).toEqual({ bytes: 4500, path: "1/model.onnx" });
  const restore = restoreSnapshot({ ...plan, fs });
  await expect(restore).rejects.toMatchObject({
    code: "snapshot-missing",
    message: expect.stringContaining("1/model.onnx"),
  });
  expect(await fs.readdir(to)).toEqual([]);
});

test("progress ends at all bytes, also where an earlier try had some", async () => {
  const { fs } = await newDisk();
  const source = memorySource("repository");
  const abort = new AbortController();
  const cut: typeof source = {
    ...source,
    read: async (chunkId, length) => {
      if (source.asked.length === 3) abort.abort(new Error("enough"));
      return source.read(chunkId, length);
    },
  };
  const run = { signal: abort.signal, filesAtOnce: 1, chunksAtOnce: 1 };
  await expect(restoreOnce({ fs, sources: [cut], run })).rejects.toThrow("enough");
  expect(await fs.readdir(to)).toEqual(["versions"]);
  const seen: RestoreProgress[] = [];
  const result = await restoreOnce({ fs, run: { onProgress: (progress) => seen.push(progress) } });
  expect(result).toMatchObject({ isResumed: true, draftBytes: 3000 });
  expect(seen.at(-1)).toMatchObject({ doneBytes: 4514, totalBytes: 4514, etaMs: 0 });
  expect(await lookAt(fs, result.path)).toEqual(wholeTree());
});

test("a restore that another one took over ends with a conflict, and the other is whole", async () => {
  const { fs } = await newDisk();
  const source = memorySource("repository");
  const [gate, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow: typeof source = {
    ...source,
    async read(chunkId, length) {
      held.resolve();
      await gate.promise;
      return source.read(chunkId, length);
    },
  };
  const first = restoreOnce({ fs, sources: [slow] });
  await held.promise;
  const second = await restoreOnce({ fs });
  gate.resolve();
  await expect(first).rejects.toMatchObject({ code: "conflict" });
  expect(await lookAt(fs, second.path)).toEqual(wholeTree());
});

test("a file that is right already is cloned where the disk can, and compared all the same", async () => {
  const { fs } = await newDisk();
  await putFiles(fs, `${to}/versions/old`, modelFiles);
  await fs.symlink("versions/old", `${to}/current`);
  await fs.chmod(`${to}/versions/old/config.pbtxt`, 0o444);
  const cloned: string[] = [];
  const cloning: typeof fs = {
    ...fs,
    async reflink(source, target) {
      cloned.push(source);
      const bytes = new Uint8Array((await fs.lstat(source)).size);
      const handle = await fs.open(source, "r");
      await handle.read(bytes, 0);
      // What is cloned may have changed since the plan.
      if (source.endsWith("model.onnx")) bytes.fill(0, 0, 10);
      await (await fs.open(target, "wx")).write(bytes, 0);
    },
  };
  const source = memorySource("repository");
  const { path, bytesBySource } = await restoreOnce({ fs: cloning, sources: [source] });
  expect(cloned.sort()).toEqual(
    ["1/model.onnx", "config.pbtxt"].map((name) => `${to}/versions/old/${name}`).sort(),
  );
  expect(bytesBySource).toEqual({ local: 4514 });
  expect(await lookAt(fs, path)).toEqual(wholeTree());
});

test("a disk that gets full gives back what the restore took", async () => {
  const { fs } = await newDisk();
  const full = faultyFs(fs, { at: 95, kind: "ENOSPC" });
  await expect(restoreOnce({ fs: full.fs })).rejects.toMatchObject({ code: "disk-full" });
  expect(await fs.readdir(`${to}/versions`)).toEqual([]);
});

test("what an older restore of another snapshot left goes after seven days, with the next that ends well", async () => {
  const { fs } = await newDisk();
  const left = `${to}/versions/.locum-restore-01KD0000000000000000000000-0123456789abcdef`;
  await putFiles(fs, left, { "journal.json": Buffer.from("{}"), "tree/x": Buffer.from("x") });
  await putFiles(fs, `${to}/versions`, { ".locum-restore-notes": Buffer.from("mine") });
  const beganMs = 1_800_000_000_000;
  await fs.setMtime(`${left}/journal.json`, BigInt(beganMs) * 1_000_000n);
  const restoreAt = (days: number) => restoreOnce({ fs, run: { wallMs: () => beganMs + days * 86_400_000 } });
  const { path } = await restoreAt(6);
  expect(await fs.readdir(left)).toEqual(["journal.json", "tree"]);
  await removeTree(fs, path);
  await restoreAt(8);
  expect((await fs.readdir(`${to}/versions`)).sort()).toEqual([".locum-restore-notes", id]);
});

test("a mount is not taken for an empty folder", async () => {
  const { fs } = await newDisk();
  await fs.mkdir("/srv/mount");
  const mounted: typeof fs = {
    ...fs,
    lstat: async (path) => ({ ...(await fs.lstat(path)), ...(path === "/srv/mount" && { dev: 2n }) }),
  };
  const plan = planOf(mounted, { to: "/srv/mount", layout: "folder" });
  await expect(plan).rejects.toMatchObject({ code: "refused" });
});
