import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { faultyFs } from "../../testing/faulty-fs.ts";
import { errno } from "../../testing/memory-volume.ts";
import { filled, meddled, original, overwrite, put, root, snapshotOf } from "../testing/capture-rig.ts";
import { captureTree } from "./capture-tree.ts";
import { joinCaptures } from "./join-captures.ts";

test("files, folders and links come out as they are, without what is no part of a model", async () => {
  const { fs } = await filled();
  await put(fs, ".cache/lock", "x");
  await put(fs, "__pycache__/m.pyc", "x");
  await fs.symlink(`${root}/a.bin`, `${root}/absolute.bin`);
  await fs.symlink("nowhere", `${root}/dangling`);
  await fs.chmod(`${root}/z.bin`, 0o600);
  const { torn, left, files, others } = await snapshotOf(await captureTree({ fs, root }));
  expect([torn, left]).toEqual([false, []]);
  expect(files).toEqual(original);
  expect(others).toEqual([
    { path: "absolute.bin", kind: "link", target: "a.bin" },
    { path: "dangling", kind: "link", target: "nowhere" },
    { path: "tokenizer", kind: "dir", mode: 0o755 },
    { path: "tokenizer/weights.bin", kind: "link", target: "../a.bin" },
  ]);
});

test("one file is captured under its own name, and a prefix stands before all", async () => {
  const { fs } = await filled();
  const { files } = await snapshotOf(
    await captureTree({ fs, root: `${root}/z.bin`, prefix: ".locum/include/0" }),
  );
  expect(files).toEqual(new Map([[".locum/include/0/z.bin", "z".repeat(100)]]));
});

const changes: Record<string, (fs: Fs) => Promise<void>> = {
  "a file overwritten in place": (fs) => overwrite(fs, "a.bin", "b"),
  "a file that grows": (fs) => overwrite(fs, "a.bin", "b", 3000),
  "a file replaced": (fs) => put(fs, "a.bin", "b".repeat(3000)),
  "a file that vanishes": (fs) => fs.unlink(`${root}/a.bin`),
  "a new file": (fs) => put(fs, "new.bin", "n"),
};

describe.for(Object.entries(changes))("%s, once, at every call", ([, change]) => {
  test("is a snapshot of before or after, never torn, never mixed", async () => {
    const seen = new Set<string>();
    for (let at = 0; ; at++) {
      const { fs, contents } = await filled();
      let isChanged = false;
      const watched = meddled(fs, async (call) => {
        if (call === at) await change(fs);
        isChanged ||= call === at;
      });
      const { torn, left, files } = await snapshotOf(await captureTree({ fs: watched, root }));
      if (!isChanged) break;
      const after = new Map(
        [...contents()].map(([path, text]) => [path.slice(root.length + 1), text] as const),
      );
      expect([torn, left], `call ${at}`).toEqual([false, []]);
      const isBefore = files.size === original.size && files.get("a.bin") === original.get("a.bin");
      seen.add(isBefore ? "before" : "after");
      if (!isBefore) expect(new Map([...files].sort()), `call ${at}`).toEqual(new Map([...after].sort()));
    }
    // The last walk's own looks are the only ones that a change may hide behind.
    expect(seen).toContain("after");
  });
});

test("a file that never stands still is left out, and the snapshot is torn", async () => {
  const { fs } = await filled();
  let readings = 0;
  const watched = meddled(fs, async () => overwrite(fs, "z.bin", String(readings++)));
  const { torn, left, files } = await snapshotOf(await captureTree({ fs: watched, root }));
  expect([torn, left]).toEqual([true, [{ path: "z.bin", reason: "unsettled" }]]);
  expect([...files.keys()]).toEqual(["a.bin", "tokenizer/vocab.json"]);
});

test("it is read four times, then no more", async () => {
  const { fs } = await filled();
  const capture = await captureTree({ fs, root });
  let rounds = 0;
  for (let files = capture.files; ; rounds++) {
    await overwrite(fs, "a.bin", String(rounds));
    for (const { source } of files) await source.read(0, source.size).catch(() => {});
    const next = await capture.settle();
    if ("whole" in next) break;
    files = next.again;
  }
  expect(rounds).toBe(3);
});

test("a file of this very tick is read after it, for a second write in it would leave no mark", async () => {
  const { fs } = await filled();
  const young: Fs = {
    ...fs,
    lstat: async (path) => ({ ...(await fs.lstat(path)), ctimeNs: 1_000_000_000n }),
  };
  const slept: number[] = [];
  const sleep = async (ms: number) => void slept.push(ms);
  await captureTree({ fs: young, root, wallMs: () => 1010, sleep });
  expect(slept).toEqual([20]);
  await captureTree({ fs: young, root, wallMs: () => 1021, sleep });
  expect(slept).toEqual([20]);
});

test("two trees stand together: one that stood is looked at again while the other is read", async () => {
  const { fs } = await filled();
  await makeDirs(fs, "/lora");
  await (await fs.open("/lora/b.bin", "wx")).write(Buffer.from("old"), 0);
  const lora = await captureTree({ fs, root: "/lora", prefix: ".locum/include/0" });
  const model = await captureTree({ fs, root });
  let rounds = 0;
  const joined = joinCaptures([
    lora,
    {
      ...model,
      async settle() {
        // Both belong together, and change after the first tree was found as it was read.
        if (rounds++ === 0) {
          await (await fs.open("/lora/b.bin", "r")).write(Buffer.from("new"), 0);
          await overwrite(fs, "z.bin", "new");
        }
        return model.settle();
      },
    },
  ]);
  const { torn, files } = await snapshotOf(joined);
  expect(torn).toBe(false);
  expect(files.get(".locum/include/0/b.bin")).toBe("new");
  expect(files.get("z.bin")).toBe(`new${"z".repeat(97)}`);
});

test("new files that never stop coming end in a torn snapshot", async () => {
  const { fs } = await filled();
  const capture = await captureTree({ fs, root });
  let rounds = 0;
  for (let files = capture.files; rounds < 100; rounds++) {
    await put(fs, `new-${rounds}`, "x");
    for (const { source } of files) await source.read(0, source.size);
    const next = await capture.settle();
    if ("whole" in next) {
      expect([next.torn, next.left]).toEqual([true, [{ path: `new-${rounds}`, reason: "unsettled" }]]);
      break;
    }
    files = next.again;
  }
  expect(rounds).toBe(8);
});

test("what cannot be taken is told: links out, a missing root, files that may not be read", async () => {
  const { fs } = await filled();
  await fs.symlink("/etc/passwd", `${root}/absolute`);
  await fs.symlink("../../outside", `${root}/relative`);
  await fs.symlink("absolute", `${root}/through`);
  const denied: Fs = {
    ...fs,
    open: (path, ...rest) =>
      path.endsWith("z.bin") ? Promise.reject(errno("EACCES", path)) : fs.open(path, ...rest),
  };
  const { torn, left, files } = await snapshotOf(await captureTree({ fs: denied, root }));
  expect(torn).toBe(true);
  expect(left).toEqual([
    { path: "absolute", reason: "outside" },
    { path: "relative", reason: "outside" },
    { path: "through", reason: "outside" },
    { path: "z.bin", reason: "unreadable" },
  ]);
  expect([...files.keys()]).toEqual(["a.bin", "tokenizer/vocab.json"]);
  const none = await snapshotOf(await captureTree({ fs, root: "/models/none" }));
  expect([none.torn, none.left]).toEqual([true, [{ path: ".", reason: "missing" }]]);
});

test("a disk that fails at any call gives a fault, or a torn snapshot that names the file, never less in silence", async () => {
  const seen = new Set<string>();
  for (let at = 0; ; at++) {
    const { fs } = await filled();
    const faulty = faultyFs(fs, { at, kind: "EIO" });
    const outcome = await captureTree({ fs: faulty.fs, root })
      .then(snapshotOf)
      .catch((error: unknown) => error);
    if (at >= faulty.calls()) break;
    if (outcome instanceof Fault) seen.add(outcome.code);
    else {
      const { torn, left, files } = outcome as Awaited<ReturnType<typeof snapshotOf>>;
      seen.add(torn ? "torn" : "whole");
      expect(torn, `call ${at}`).toBe(left.length > 0);
      const whole = [...original].filter(([path]) => !left.some((one) => one.path === path));
      // A folder that cannot be listed takes its files with it.
      if (!left.some(({ path }) => path === "." || path === "tokenizer"))
        expect(files, `call ${at}`).toEqual(new Map(whole));
    }
  }
  // Whole, where only the closing of a file failed, or a folder that the next look could list.
  expect([...seen].sort()).toEqual(["storage-failed", "torn", "whole"]);
});

test("a socket is told and tears nothing", async () => {
  const { fs } = await filled();
  const withSocket: Fs = {
    ...fs,
    lstat: async (path) => ({
      ...(await fs.lstat(path)),
      ...(path.endsWith("z.bin") && { kind: "other" as const }),
    }),
  };
  const { torn, left } = await snapshotOf(await captureTree({ fs: withSocket, root }));
  expect([torn, left]).toEqual([false, [{ path: "z.bin", reason: "special" }]]);
});

test("a pipe that takes a file's place is never opened, another file's bytes are never taken", async () => {
  const { fs } = await filled();
  await makeDirs(fs, "/etc");
  await (await fs.open("/etc/shadow", "wx")).write(Buffer.from("z".repeat(100)), 0);
  const capture = await captureTree({ fs, root });
  await fs.unlink(`${root}/z.bin`);
  await fs.symlink("/etc/shadow", `${root}/z.bin`);
  const source = capture.files.find(({ path }) => path === "z.bin")?.source;
  await expect(source?.read(0, 100)).rejects.toMatchObject({ code: "tree-changed" });
});

test("more files than the limits, or deeper folders, are refused", async () => {
  const { fs } = await filled();
  const refused = { code: "refused" };
  await expect(captureTree({ fs, root, limits: { filesMax: 2, depthMax: 9 } })).rejects.toMatchObject(
    refused,
  );
  await put(fs, "1/2/3/4", "deep");
  await expect(captureTree({ fs, root, limits: { filesMax: 99, depthMax: 2 } })).rejects.toMatchObject(
    refused,
  );
});

test("whatever a link says, it is inside or left out", async () => {
  const part = fc.constantFrom("..", ".", "a.bin", "tokenizer", "models", "digits", "", "weights.bin");
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (parts, isAbsolute) => {
        const { fs } = await filled();
        const target = `${isAbsolute ? "/" : ""}${parts.join("/")}`;
        fc.pre(target !== "");
        await fs.symlink(target, `${root}/tokenizer/link`);
        // The manifest's own check refuses to be read where a link leads out.
        const { others, left } = await snapshotOf(await captureTree({ fs, root }));
        expect([...others, ...left].map(({ path }) => path)).toContain("tokenizer/link");
      },
    ),
    { numRuns: 60 },
  );
});
