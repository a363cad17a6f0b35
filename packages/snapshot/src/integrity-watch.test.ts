import { appendFile, mkdir, rename, rm, stat, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { DirWatcher } from "./dir-watch.ts";
import { type Fs, nodeFs } from "./fs.ts";
import { watchTree } from "./integrity-watch.ts";
import { scanLive } from "./scan-tree.ts";
import { makeModelDir, writeFiles } from "./testing/model-dir.ts";
import type { Finding } from "./tree-sweep.ts";

const files = { "1/model.onnx": "good weights", "config.pbtxt": "config" };
const noEvents: DirWatcher = () => ({ update: () => {}, count: () => 0, close: () => {} });

async function watched(
  options: Partial<Parameters<typeof watchTree>[0]> = {},
  content: Record<string, string> = files,
) {
  const model = await makeModelDir(content);
  const start = await scanLive({ dir: model.dir });
  const findings: Finding[] = [];
  const watch = watchTree({
    dir: model.dir,
    ...start,
    onSuspicion: (finding) => void findings.push(finding),
    statIntervalMs: 20,
    ...options,
  });
  onTestFinished(async () => {
    await watch.close();
    await model[Symbol.asyncDispose]();
  });
  await watch.check();
  return { dir: model.dir, tree: start.tree, watch, findings };
}

describe("watchTree", () => {
  const writes: Record<string, [change: (dir: string) => Promise<unknown>, diff: object]> = {
    "a write in place": [
      (dir) => writeFile(join(dir, "1/model.onnx"), "bad weights!"),
      { added: [], removed: [], changed: [{ path: "1/model.onnx", chunks: [0] }] },
    ],
    "a write in place with the time put back": [
      async (dir) => {
        const { atime, mtime } = await stat(join(dir, "1/model.onnx"));
        await writeFile(join(dir, "1/model.onnx"), "bad weights!");
        await utimes(join(dir, "1/model.onnx"), atime, mtime);
      },
      { added: [], removed: [], changed: [{ path: "1/model.onnx", chunks: [0] }] },
    ],
    "a rename over": [
      async (dir) => {
        await writeFile(join(dir, ".draft"), "older");
        await rename(join(dir, ".draft"), join(dir, "config.pbtxt"));
      },
      { added: [], removed: [], changed: [{ path: "config.pbtxt", chunks: [0] }] },
    ],
    "a deleted file": [
      (dir) => unlink(join(dir, "config.pbtxt")),
      { added: [], removed: ["config.pbtxt"], changed: [] },
    ],
    "a new folder": [
      (dir) => writeFiles(dir, { "2/model.onnx": "new" }),
      { added: ["2/model.onnx"], removed: [], changed: [] },
    ],
    "the whole directory gone": [
      (dir) => rm(dir, { recursive: true }),
      { added: [], removed: ["1/model.onnx", "config.pbtxt"], changed: [] },
    ],
  };
  const eyes: Record<string, Partial<Parameters<typeof watchTree>[0]>> = {
    events: { statIntervalMs: 3_600_000 },
    "the stat sweep": { watcher: noEvents },
  };
  test.for(Object.keys(writes).flatMap((write) => Object.keys(eyes).map((eye) => [write, eye] as const)))(
    "finds %s by %s",
    async ([write, eye]) => {
      const { dir, tree, findings } = await watched(eyes[eye]);
      const [change, diff] = writes[write] ?? [async () => {}, {}];
      await change(dir);
      await vi.waitFor(() => expect(findings).toHaveLength(1), { timeout: 10_000 });
      const now = await scanLive({ dir });
      expect(findings[0]).toEqual({ kind: "changed", from: tree.digest, tree: now.tree, diff });
    },
  );

  test("finds by the scrub what neither events nor stamps show", async () => {
    const { dir, findings, watch } = await watched({ watcher: noEvents, fs: withoutStamps() });
    await writeFile(join(dir, "1/model.onnx"), "bad weights!");
    await vi.waitFor(() => expect(findings).toMatchObject([{ kind: "changed" }]), { timeout: 10_000 });
    await vi.waitFor(() => expect(watch.status().scrub.passes).toBeGreaterThan(0));
    expect(watch.status().scrub).toMatchObject({ passAgeMs: expect.any(Number) });
  });

  test("a touch and a rewrite of the same bytes are no finding, and are seen as writes", async () => {
    const { dir, findings, watch } = await watched();
    expect(watch.quietMs()).toBe(Number.POSITIVE_INFINITY);
    await utimes(join(dir, "config.pbtxt"), 1, 1);
    await writeFile(join(dir, "1/model.onnx"), files["1/model.onnx"]);
    await watch.check();
    expect(watch.quietMs()).toBeLessThan(60_000);
    expect(findings).toEqual([]);
  });

  test("tells again when the files come back", async () => {
    const { dir, tree, findings, watch } = await watched();
    await writeFile(join(dir, "config.pbtxt"), "bad");
    await watch.check();
    await writeFile(join(dir, "config.pbtxt"), files["config.pbtxt"]);
    await watch.check();
    expect(findings).toMatchObject([
      { kind: "changed", from: tree.digest },
      { kind: "changed", tree: { digest: tree.digest } },
    ]);
  });

  test("a change between the scan and the watch is found", async () => {
    await using model = await makeModelDir(files);
    const { tree, stamps } = await scanLive({ dir: model.dir });
    await writeFile(join(model.dir, "config.pbtxt"), "bad");
    for (const known of [{ tree, stamps }, { tree }]) {
      const findings: Finding[] = [];
      const onSuspicion = (finding: Finding) => void findings.push(finding);
      const watch = watchTree({ dir: model.dir, ...known, onSuspicion });
      await watch.check();
      await watch.close();
      expect(findings).toMatchObject([{ kind: "changed" }]);
    }
  });

  test("the first look without stamps is no write", async () => {
    const { watch } = await watched({ stamps: new Map() });
    expect(watch.quietMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test("names no content while a file is being written, says so after a while, and then the content", async () => {
    let isWriting = false;
    const { dir, findings, watch } = await watched({
      fs: {
        ...nodeFs,
        open: async (path, ...rest) => {
          const handle = await nodeFs.open(path, ...rest);
          const read: typeof handle.read = async (...args) => {
            const count = await handle.read(...args);
            if (isWriting && path.endsWith("model.onnx")) await appendFile(path, "+");
            return count;
          };
          return { ...handle, read };
        },
      },
    });
    isWriting = true;
    await appendFile(join(dir, "1/model.onnx"), "+");
    await vi.waitFor(() => expect(findings).toHaveLength(1), { timeout: 20_000 });
    expect(findings).toEqual([{ kind: "unsettled", paths: ["1/model.onnx"] }]);
    isWriting = false;
    await watch.check();
    expect(findings[1]).toMatchObject({ kind: "changed" });
  });

  test("says once that the directory is no tree any more, and goes on when it is", async () => {
    const { dir, findings, watch } = await watched();
    await symlink("/etc/hostname", join(dir, "evil"));
    await watch.check();
    await watch.check();
    expect(findings).toMatchObject([{ kind: "unreadable", fault: { code: "refused" } }]);
    await unlink(join(dir, "evil"));
    await writeFile(join(dir, "config.pbtxt"), "bad");
    await watch.check();
    expect(findings[1]).toMatchObject({ kind: "changed" });
  });

  test("watches new folders, and drops those that are gone", async () => {
    const { dir, watch } = await watched();
    expect(watch.status().watchedDirs).toBe(2);
    await mkdir(join(dir, "2"));
    await vi.waitFor(() => expect(watch.status().watchedDirs).toBe(3));
    await rm(join(dir, "2"), { recursive: true });
    await vi.waitFor(() => expect(watch.status().watchedDirs).toBe(2));
  });

  test("close ends everything, also in the middle of a read", async () => {
    const { dir, findings, watch } = await watched({ scrubBytesPerSecond: 1 });
    await watch.close();
    await writeFile(join(dir, "config.pbtxt"), "bad");
    await watch.check();
    expect(findings).toEqual([]);
  });
});

/** As a disk that rots by itself: sizes and times stay as they were. */
function withoutStamps(): Fs {
  const frozen = async <S extends { mtimeNs: bigint; ctimeNs: bigint }>(found: Promise<S>) => ({
    ...(await found),
    mtimeNs: 1n,
    ctimeNs: 1n,
  });
  return {
    ...nodeFs,
    lstat: (path) => frozen(nodeFs.lstat(path)),
    open: async (...args) => {
      const handle = await nodeFs.open(...args);
      return { ...handle, stat: () => frozen(handle.stat()) };
    },
  };
}
