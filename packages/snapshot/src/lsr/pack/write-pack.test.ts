import { describe, expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { Crash, type FaultKind, faultyFs } from "../../testing/faulty-fs.ts";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { seededRandom } from "../../testing/random.ts";
import { handleSource } from "../byte-source.ts";
import { directoryStore } from "../store/directory-store.ts";
import { referenceHash as hash } from "../testing/blake3-reference.ts";
import { opener, recordOf, sealing, seededBytes } from "../testing/rig.ts";
import { buildPack } from "./build-pack.ts";
import { isPackIntact } from "./is-pack-intact.ts";
import { packPath } from "./pack-path.ts";
import { openPack, readRecord } from "./read-pack.ts";
import { writePack } from "./write-pack.ts";

const root = "/srv/snapshots";
const chunks = ["one", "two"].map((word) => Buffer.from(word));
const pack = buildPack(
  chunks.map((chunk) => recordOf(chunk)),
  sealing,
);
const path = `${root}/${packPath(pack.id)}`;
const target = (fs: Fs, seed = 1) => ({
  store: directoryStore({ fs, root, random: seededBytes(seed) }),
  hash,
});

test("a pack that was written is there after a loss of power, and reads back", async () => {
  const disk = createMemoryFs();
  expect(await writePack(pack, target(disk.fs))).toBe(true);
  const after = disk.crash(() => 0.99);
  const handle = await after.fs.open(path, "r");
  const open = await openPack(await handleSource(handle), { name: "packs/", opener });
  const read = await Promise.all([0, 1].map((ordinal) => readRecord(open, ordinal, { hash })));
  expect(read.map(String).toSorted()).toEqual(["one", "two"]);
  expect(await after.fs.readdir(`${root}/tmp`)).toEqual([]);
  expect(await writePack(pack, target(after.fs))).toBe(false);
});

test("a pack that does not read back is not written", async () => {
  const disk = createMemoryFs();
  const record = recordOf(Buffer.from("right"));
  const wrong = buildPack([{ ...record, bytes: Buffer.from("wrong"), codec: 0 }], sealing);
  await expect(writePack(wrong, target(disk.fs))).rejects.toMatchObject({ code: "snapshot-corrupt" });
  expect([...disk.contents()]).toEqual([]);
});

const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
describe.for(kinds)("%s at every call of writePack", (kind) => {
  test("leaves no pack or a whole one, and the next try succeeds", async () => {
    const outcomes = new Set<string>();
    for (let at = 0; ; at++) {
      const disk = createMemoryFs();
      await makeDirs(disk.fs, root);
      disk.settle();
      const faulty = faultyFs(disk.fs, { at, kind });
      const result = await writePack(pack, target(faulty.fs)).catch((error: unknown) => error);
      if (at >= faulty.calls()) break;
      const when = `call ${at}`;
      if (!(result instanceof Crash) && typeof result !== "boolean")
        expect(["disk-full", "storage-failed"], when).toContain((result as { code?: string }).code);
      // A power loss after success must not lose it either.
      for (const seed of [1, 2, 3]) {
        const after = disk.crash(seededRandom(100 * at + seed));
        const found = await after.fs.open(path, "r").catch(() => undefined);
        outcomes.add(found ? "whole" : "absent");
        if (result === true) expect(found, when).toBeDefined();
        if (found) expect(await isPackIntact(await handleSource(found), pack.id, hash), when).toBe(true);
        await writePack(pack, target(after.fs, 2));
        const handle = await after.fs.open(path, "r");
        expect(await isPackIntact(await handleSource(handle), pack.id, hash), when).toBe(true);
      }
    }
    expect(outcomes).toContain("absent");
  });
});
