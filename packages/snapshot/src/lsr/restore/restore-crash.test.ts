import { describe, expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { Crash, type FaultKind, faultyFs } from "../../testing/faulty-fs.ts";
import { createMemoryFs, type MemoryFs } from "../../testing/memory-fs.ts";
import { seededRandom } from "../../testing/random.ts";
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
import { swapCurrent } from "./swap-current.ts";

/** Two chunks and one: an enumeration makes thousands of restores. */
const files = {
  ...modelFiles,
  "1/model.onnx": (modelFiles["1/model.onnx"] ?? new Uint8Array()).subarray(0, 1500),
};
const manifest = manifestOf(files);
const whole = wholeTree(manifest);
const restore = (fs: Fs, more: Omit<Parameters<typeof restoreOnce>[0], "fs"> = {}) =>
  restoreOnce({ fs, manifest, sources: [memorySource("repository", files)], ...more });

const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
const other = "01KD0000000000000000000000";
const otherFiles = { ...modelFiles, "config.pbtxt": Buffer.from("platform: other") };

/** A model that serves another version. */
async function served(): Promise<MemoryFs> {
  const disk = createMemoryFs();
  await makeDirs(disk.fs, to);
  await putFiles(disk.fs, `${to}/versions/${other}`, otherFiles);
  await disk.fs.symlink(`versions/${other}`, `${to}/current`);
  disk.settle();
  return disk;
}

/**
 * Runs the work once for each of its calls with the fault there. What comes after sees the disk as a killed process
 * leaves it, and as a loss of power does.
 */
async function atEveryCall(
  kind: FaultKind,
  start: MemoryFs,
  work: (fs: Fs) => Promise<unknown>,
  look: (fs: Fs, when: string, isDone: boolean) => Promise<void>,
): Promise<number> {
  for (let at = 0; ; at++) {
    // Nothing is undurable there, so what a crash leaves is all of it: a copy.
    const disk = start.crash(() => 0);
    const faulty = faultyFs(disk.fs, { at, kind });
    let isDone = true;
    await work(faulty.fs).catch((error: { code?: string }) => {
      isDone = false;
      if (!(error instanceof Crash)) expect(error.code).toMatch(/^(disk-full|storage-failed)$/);
    });
    if (at >= faulty.calls()) return at;
    await look(disk.crash(seededRandom(at)).fs, `${kind} at call ${at}, power lost`, isDone);
    await look(disk.fs, `${kind} at call ${at}, killed`, isDone);
  }
}

describe.for(kinds)("%s at every call", (kind) => {
  test("of a restore: what is served stays, and the next run goes on and ends the same", async () => {
    const disk = await served();
    const before = await lookAt(disk.fs, `${to}/versions/${other}`);
    const outcomes = new Set<boolean>();
    const calls = await atEveryCall(
      kind,
      disk,
      (fs) => restore(fs),
      async (fs, when, isDone) => {
        const versions = (await fs.readdir(`${to}/versions`)).filter((name) => !name.startsWith("."));
        outcomes.add(versions.includes(id));
        // A version has its name only when it is whole, and durable once the restore has said that it is.
        if (isDone) expect(versions, when).toContain(id);
        if (versions.includes(id)) expect(await lookAt(fs, `${to}/versions/${id}`), when).toEqual(whole);
        const { path } = await restore(fs);
        expect(path, when).toBe(`${to}/versions/${id}`);
        expect(await lookAt(fs, path), when).toEqual(whole);
        expect((await fs.readdir(`${to}/versions`)).sort(), when).toEqual([other, id]);
        expect(await lookAt(fs, `${to}/versions/${other}`), when).toEqual(before);
        expect(await fs.readlink(`${to}/current`), when).toBe(`versions/${other}`);
      },
    );
    expect(calls).toBeGreaterThan(50);
    expect(outcomes).toEqual(new Set([true, false]));
  });

  test("of a run that goes on with a draft: the same", async () => {
    const disk = await served();
    // Cut off within the second file.
    await restore(faultyFs(disk.fs, { at: 90, kind: "crash-before" }).fs).catch(() => {});
    disk.settle();
    expect((await disk.fs.readdir(`${to}/versions`)).some((name) => name.startsWith("."))).toBe(true);
    await atEveryCall(
      kind,
      disk,
      (fs) => restore(fs),
      async (fs, when) => {
        const { path } = await restore(fs);
        expect(await lookAt(fs, path), when).toEqual(whole);
        expect((await fs.readdir(`${to}/versions`)).sort(), when).toEqual([other, id]);
      },
    );
  });

  test("of a restore into an empty folder: it is empty or whole", async () => {
    const disk = await served();
    await disk.fs.mkdir("/srv/fresh");
    disk.settle();
    const into = { to: "/srv/fresh", layout: "folder" } as const;
    await atEveryCall(
      kind,
      disk,
      (fs) => restore(fs, into),
      async (fs, when, isDone) => {
        const found = await lookAt(fs, into.to);
        if (isDone || Object.keys(found).length > 0) expect(found, when).toEqual(whole);
        await restore(fs, into);
        expect(await lookAt(fs, into.to), when).toEqual(whole);
        expect((await fs.readdir("/srv")).sort(), when).toEqual(["fresh", "model"]);
      },
    );
  });

  test("of a swap: current leads to the one or the other whole version, and it can be swapped again", async () => {
    const disk = await served();
    await restore(disk.fs);
    await putFiles(disk.fs, `${to}/versions/01KC0000000000000000000000`, modelFiles);
    disk.settle();
    const older = await lookAt(disk.fs, `${to}/versions/${other}`);
    await atEveryCall(
      kind,
      disk,
      (fs) => swapCurrent({ to, version: id, fs }),
      async (fs, when, isDone) => {
        const link = await fs.readlink(`${to}/current`);
        expect(isDone ? [`versions/${id}`] : [`versions/${id}`, `versions/${other}`], when).toContain(link);
        expect(await lookAt(fs, `${to}/versions/${other}`), when).toEqual(older);
        expect(await lookAt(fs, `${to}/versions/${id}`), when).toEqual(whole);
        await swapCurrent({ to, version: id, fs });
        expect(await fs.readlink(`${to}/current`), when).toBe(`versions/${id}`);
        await swapCurrent({ to, version: other, fs });
        expect(await fs.readlink(`${to}/current`), when).toBe(`versions/${other}`);
      },
    );
  });
});
