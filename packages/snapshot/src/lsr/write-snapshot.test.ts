import { describe, expect, test } from "vitest";
import { makeDirs } from "../durable.ts";
import type { Fs } from "../fs.ts";
import { Crash, type FaultKind, faultyFs } from "../testing/faulty-fs.ts";
import { createMemoryFs } from "../testing/memory-fs.ts";
import { seededRandom } from "../testing/random.ts";
import { bytesSource } from "./byte-source.ts";
import { codecId } from "./codec/codec-id.ts";
import { chunkRefs } from "./manifest/manifest-body.ts";
import { openManifest } from "./manifest/open-manifest.ts";
import { openPacks } from "./pack/open-packs.ts";
import { directoryStore } from "./store/directory-store.ts";
import { referenceHash as hash } from "./testing/blake3-reference.ts";
import { floatBytes } from "./testing/float-bytes.ts";
import { safetensorsFile } from "./testing/model-files.ts";
import { opener, sealing, seededBytes } from "./testing/rig.ts";
import { type SnapshotInput, writeSnapshot } from "./write-snapshot.ts";

const root = "/srv/snapshots";
const [older, newer] = ["01JD0000000000000000000001", "01JD0000000000000000000002"];
const weights = floatBytes({ dtype: "bf16", count: 33_000, seed: 4 });
const model = (bytes: Uint8Array) => safetensorsFile([{ name: "w", bytes }]);
const tuned = weights.map((byte, at) => (at % 500 === 0 ? byte ^ 1 : byte));

const input = (id: string, bytes: Uint8Array, more: Partial<SnapshotInput> = {}): SnapshotInput => ({
  stub: { id, model: "digits", capturedAt: "2026-01-02T03:04:05.006Z", parent: null, torn: false },
  files: [
    { path: "m.safetensors", mode: 0o644, mtimeNs: 1n, source: bytesSource(model(bytes)) },
    { path: "a/config.json", mode: 0o600, mtimeNs: 2n, source: bytesSource(Buffer.from('{"a":1}')) },
  ],
  known: new Set(),
  ...more,
});
const writer = (fs: Fs, seed: number) => {
  const random = seededBytes(seed);
  return { ...sealing, random, store: directoryStore({ fs, root, random }) };
};
const storeOf = (fs: Fs) => directoryStore({ fs, root, random: seededBytes(9) });

/** Every file of a snapshot, as its chunks say. */
async function readBack(fs: Fs, id: string): Promise<Map<string, string>> {
  const handle = await fs.open(`${root}/snaps/${id}.sn`, "r");
  const buffer = new Uint8Array((await handle.stat()).size);
  await handle.read(buffer, 0);
  const packs = await openPacks({ store: storeOf(fs), opener, hash });
  const files = new Map<string, string>();
  for (const entry of (await openManifest(buffer, id, opener)).body.files) {
    if (entry.kind !== "file") continue;
    const chunks: Uint8Array[] = [];
    for (const { chunkId } of chunkRefs(entry)) chunks.push(await packs.read(chunkId));
    files.set(entry.path, Buffer.concat(chunks).toString("latin1"));
  }
  return files;
}
const filesOf = (bytes: Uint8Array) =>
  new Map([
    ["m.safetensors", Buffer.from(model(bytes)).toString("latin1")],
    ["a/config.json", '{"a":1}'],
  ]);

test("a snapshot comes back, and a second one adds only what changed, as a difference", async () => {
  const { fs } = createMemoryFs();
  const known = new Set<string>();
  const first = await writeSnapshot(input(older, weights, { known }), writer(fs, 1));
  const base: SnapshotInput["base"] = async ({ path, start, length }) =>
    path === "m.safetensors" ? model(weights).subarray(start, start + length) : undefined;
  const second = await writeSnapshot(input(newer, tuned, { known, base }), writer(fs, 2));
  const same = await writeSnapshot(input("01JD0000000000000000000003", tuned, { known }), writer(fs, 3));
  expect([first.packs.length, second.packs.length, same.packs.length]).toEqual([1, 1, 0]);
  expect(await readBack(fs, older)).toEqual(filesOf(weights));
  expect(await readBack(fs, newer)).toEqual(filesOf(tuned));
  expect(await readBack(fs, "01JD0000000000000000000003")).toEqual(filesOf(tuned));
  const entries = (await openPacks({ store: storeOf(fs), opener, hash })).entries();
  expect(entries.filter(({ codec }) => codec === codecId.delta)).toHaveLength(1);
});

const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
describe.for(kinds)("%s at every call of writeSnapshot", (kind) => {
  test("the older snapshot stays, the newer is not there or whole, and the next try succeeds", async () => {
    const start = createMemoryFs();
    await makeDirs(start.fs, root);
    await writeSnapshot(input(older, weights), writer(start.fs, 1));
    start.settle();
    const outcomes = new Set<string>();
    for (let at = 0; ; at++) {
      // Nothing is undurable there, so what a crash leaves is all of it: a copy.
      const disk = start.crash(() => 0);
      const faulty = faultyFs(disk.fs, { at, kind });
      const result = await writeSnapshot(input(newer, tuned), writer(faulty.fs, 2)).catch(
        (error: unknown) => error,
      );
      if (at >= faulty.calls()) break;
      const isDone = !(result instanceof Error);
      if (!isDone && !(result instanceof Crash))
        expect(["disk-full", "storage-failed"]).toContain((result as { code?: string }).code);
      const after = disk.crash(seededRandom(at));
      expect(await readBack(after.fs, older), `call ${at}`).toEqual(filesOf(weights));
      const found = await readBack(after.fs, newer).catch((error: { code?: string }) => error.code);
      outcomes.add(found instanceof Map ? "whole" : String(found));
      if (found instanceof Map) expect(found, `call ${at}`).toEqual(filesOf(tuned));
      else expect(isDone, `call ${at}`).toBe(false);
      await writeSnapshot(input(newer, tuned), writer(after.fs, 3));
      expect(await readBack(after.fs, newer), `call ${at}`).toEqual(filesOf(tuned));
    }
    // A snapshot that is half there would show as missing chunks or as corrupt.
    expect([...outcomes].filter((outcome) => !["whole", "ENOENT"].includes(outcome))).toEqual([]);
    expect(outcomes).toContain("ENOENT");
  });
});
