import { dirname } from "node:path";
import type { Tree } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { makeDirs } from "./durable.ts";
import type { Fs } from "./fs.ts";
import { openTwin } from "./open-twin.ts";
import { recoverRestore } from "./recover-restore.ts";
import { restoreTree } from "./restore.ts";
import { scanTree } from "./scan-tree.ts";
import { Crash, type FaultKind, faultyFs } from "./testing/faulty-fs.ts";
import { createMemoryFs, type MemoryFs } from "./testing/memory-fs.ts";
import { seededRandom } from "./testing/random.ts";
import { stageTwin } from "./twin.ts";

const dir = "/srv/models/digits";
const good = { "1/model.onnx": "good weights", "1/vocab.txt": "good vocab", "config.pbtxt": "config" };
const bad = {
  "1/model.onnx": "bad weights",
  "config.pbtxt": "bad config",
  "2/model.onnx": "never approved",
  extra: "file",
};
const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
/** Of each crash, several outcomes of what the disk had not been told to keep; 0 is the killed process, which loses nothing. */
const seedsOf: Record<FaultKind, number[]> = {
  "crash-before": [0, 1],
  "crash-after": [1],
  torn: [1],
  ENOSPC: [0],
  EIO: [0],
};

describe.for(kinds)("%s at every call", (kind) => {
  test("of stageTwin: no copy or a whole one, and the next try makes it", async () => {
    const outcomes = new Set<string>();
    await atEveryCall(
      kind,
      prepareGood,
      ({ fs }, { tree }) => stageTwin({ dir, tree, fs }),
      async (disk, { tree }, when) => {
        expect(await scanTree({ dir, fs: disk.fs }), when).toEqual(tree);
        const opened = await openTwin({ dir, digest: tree.digest, fs: disk.fs }).catch((fault) => fault.code);
        outcomes.add(typeof opened === "string" ? opened : "whole");
        if (typeof opened !== "string") expect(opened.tree, when).toEqual(tree);
        const { path } = await stageTwin({ dir, tree, fs: disk.fs });
        expect((await openTwin({ dir, digest: tree.digest, fs: disk.fs })).tree, when).toEqual(tree);
        expect(await disk.fs.readdir(dirname(path)), when).toHaveLength(1);
      },
    );
    expect(outcomes).toContain("whole");
    // A copy that is half there is never found under its name.
    expect(outcomes).not.toContain("snapshot-corrupt");
  });

  test("of restoreTree: the judged tree or the target, whole; nothing lost; the next try succeeds", async () => {
    const outcomes = new Set<string>();
    await atEveryCall(
      kind,
      prepareBad,
      (disk, start) => runRestore(disk, start),
      async (disk, start, when) => {
        // A crash while recovering is a crash like another.
        const random = seededRandom(when.length * 7919 + disk.contents().size);
        let now = disk;
        if (kind.startsWith("crash")) {
          const faulty = faultyFs(disk.fs, { at: Math.floor(random() * 120), kind });
          await recoverRestore({ dir, fs: faulty.fs }).catch(onlyCrash);
          now = disk.crash(random);
        }
        await recoverRestore({ dir, fs: now.fs });
        const live = await scanTree({ dir, fs: now.fs });
        expect([start.judged.digest, start.tree.digest], when).toContain(live.digest);
        outcomes.add(live.digest === start.tree.digest ? "target" : "judged");
        const contents = [...now.contents()];
        for (const text of Object.values(bad))
          expect(
            contents.map(([, data]) => data),
            when,
          ).toContain(text);

        await runRestore(now, start);
        expect((await scanTree({ dir, fs: now.fs })).digest, when).toBe(start.tree.digest);
        expect((await now.fs.readdir(dir)).toSorted(), when).toEqual(["1", "config.pbtxt"]);
      },
    );
    expect(outcomes).toEqual(new Set(["judged", "target"]));
  });
});

const deploys = [
  { "config.pbtxt": "release two" },
  { "3/model.onnx": "release two" },
  { "1/vocab.txt": "release two", "2/model.onnx": "release two too" },
];
test.for(deploys)(
  "a deploy between a crash and the recovery stays, whole, and the rest is as judged: %j",
  async (deploy) => {
    const outcomes: string[] = [];
    await atEveryCall(
      "crash-before",
      prepareBad,
      (disk, start) => runRestore(disk, start),
      async (disk, _, when) => {
        const displaced = [...disk.contents()]
          .filter(([path]) => path.includes("displaced"))
          .map(([, text]) => text);
        for (const path of Object.keys(deploy)) await disk.fs.unlink(`${dir}/${path}`).catch(() => {});
        await write(disk.fs, deploy);
        disk.settle();
        const random = seededRandom(outcomes.length);
        let now = disk;
        for (let turn = 0; turn < 3; turn++) {
          const faulty = faultyFs(now.fs, { at: Math.floor(random() * 100), kind: "crash-after" });
          await recoverRestore({ dir, fs: faulty.fs }).catch(onlyCrash);
          now = now.crash(random);
        }
        await recoverRestore({ dir, fs: now.fs });
        const live = [...now.contents()].filter(([path]) => path.startsWith(`${dir}/`));
        const withDeploy = (files: object) =>
          Object.entries({ ...files, ...deploy }).map(([path, text]) => [`${dir}/${path}`, text]);
        expect([withDeploy(bad).toSorted(), withDeploy(good).toSorted()], when).toContainEqual(
          live.toSorted(),
        );
        outcomes.push(live.some(([, text]) => text === "bad weights") ? "judged" : "target");
        for (const text of displaced) expect([...now.contents().values()], when).toContain(text);
      },
    );
    // Both happen: a journal that was closed before the deploy came belongs to a restore that had ended.
    expect(new Set(outcomes)).toEqual(new Set(["judged", "target"]));
  },
);

test("a version that is switched by its link is the old one or the new one, whatever stops it", async () => {
  const current = "/srv/models/current";
  for (const kind of kinds)
    await atEveryCall(
      kind,
      async (disk) => {
        await prepareGood(disk);
        await disk.fs.rename(dir, "/srv/models/v1");
        await disk.fs.symlink("v1", current);
        const tree = await scanTree({ dir: current, fs: disk.fs });
        await stageTwin({ dir: current, tree, fs: disk.fs });
        await disk.fs.unlink(`${current}/config.pbtxt`);
        return { tree, judged: await scanTree({ dir: current, fs: disk.fs }) };
      },
      (disk, start) => runRestore(disk, start, current),
      async (disk, start, when) => {
        expect(await recoverRestore({ dir: current, fs: disk.fs }), when).toEqual({ outcome: "none" });
        const { digest } = await scanTree({ dir: current, fs: disk.fs });
        expect([start.judged.digest, start.tree.digest], when).toContain(digest);
        await runRestore(disk, start, current);
        expect((await scanTree({ dir: current, fs: disk.fs })).digest, when).toBe(start.tree.digest);
        const left = (await disk.fs.readdir("/srv/models")).filter((name) =>
          /^\.locum-(draft|link)/.test(name),
        );
        // Only what a finished restore has no reason to look for may wait for the next one.
        if (digest !== start.tree.digest) expect(left, when).toEqual([]);
      },
    );
});

type Start = { tree: Tree; judged: Tree };

async function prepareGood(disk: MemoryFs): Promise<Start> {
  await write(disk.fs, good);
  const tree = await scanTree({ dir, fs: disk.fs });
  return { tree, judged: tree };
}

async function prepareBad(disk: MemoryFs): Promise<Start> {
  const { tree } = await prepareGood(disk);
  await stageTwin({ dir, tree, fs: disk.fs });
  await disk.fs.unlink(`${dir}/1/model.onnx`);
  await disk.fs.unlink(`${dir}/1/vocab.txt`);
  await disk.fs.unlink(`${dir}/config.pbtxt`);
  await write(disk.fs, bad);
  return { tree, judged: await scanTree({ dir, fs: disk.fs }) };
}

async function runRestore({ fs }: { fs: Fs }, { tree }: Start, at = dir): Promise<void> {
  const { digest } = await scanTree({ dir: at, fs });
  const { source } = await openTwin({ dir: at, digest: tree.digest, verify: "names", fs });
  await restoreTree({ dir: at, expected: digest, target: tree, source, fs });
}

/** Runs the work once for each of its calls, the fault at that call, and looks at what is on the disk afterwards. */
async function atEveryCall(
  kind: FaultKind,
  prepare: (disk: MemoryFs) => Promise<Start>,
  work: (part: { fs: Fs }, start: Start) => Promise<unknown>,
  look: (disk: MemoryFs, start: Start, when: string) => Promise<void>,
): Promise<void> {
  const prepared = createMemoryFs();
  const start = await prepare(prepared);
  prepared.settle();
  for (let at = 0, isOver = false; !isOver; at++)
    for (const seed of seedsOf[kind]) {
      // Of a settled disk a crash takes nothing: this is a copy.
      const disk = prepared.crash(() => 0);
      const faulty = faultyFs(disk.fs, { at, kind });
      await work(faulty, start).catch(kind.startsWith("E") ? onlyFault : onlyCrash);
      isOver = faulty.calls() <= at;
      const after = seed === 0 ? keepAll(disk) : disk.crash(seededRandom(seed * 1e6 + at));
      await look(after, start, `${kind} at call ${at}, seed ${seed}`);
    }
}

/** A killed process, on a machine that lives on: everything it did is there. */
function keepAll(disk: MemoryFs): MemoryFs {
  disk.settle();
  return disk;
}

function onlyCrash(error: unknown): void {
  if (!(error instanceof Crash)) throw error;
}

function onlyFault(error: { code?: string }): void {
  expect(error.code).toMatch(/^(disk-full|storage-failed)$/);
}

async function write(fs: Fs, files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await makeDirs(fs, dirname(`${dir}/${path}`));
    const handle = await fs.open(`${dir}/${path}`, "wx");
    await handle.write(Buffer.from(content), 0);
    await handle.close();
  }
}
