import { Fault } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { Crash, type FaultKind, faultyFs } from "../../testing/faulty-fs.ts";
import { createMemoryFs, type MemoryFs } from "../../testing/memory-fs.ts";
import { seededRandom } from "../../testing/random.ts";
import { partsSource } from "../byte-source.ts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { nativeHash as hash } from "../crypto/native-hash.ts";
import { buildPack } from "../pack/build-pack.ts";
import { openPacks } from "../pack/open-packs.ts";
import { packPath } from "../pack/pack-path.ts";
import type { BlobStore } from "../store/blob-store.ts";
import { directoryStore } from "../store/directory-store.ts";
import { opener, recordOf, sealing, seededBytes } from "../testing/rig.ts";
import { encodeParity } from "./encode-parity.ts";
import { type HealInput, healPack } from "./heal-pack.ts";
import { parityPath } from "./parity-path.ts";
import { unfinishedHeals } from "./publish-repaired.ts";

const root = "/srv/snapshots";
const blockBytes = 16 << 10;
const chunks = [0, 1, 2, 3, 4, 5].map((n) => seededBytes(40 + n)(20_000));
const pack = buildPack(
  chunks.map((chunk) => recordOf(chunk, { kind: "raw" })),
  { ...sealing, random: seededBytes(50) },
);
const bytes = Buffer.concat(pack.parts);
const name = packPath(pack.id);
const encoded = await encodeParity(partsSource(pack.parts), { packId: pack.id, hash, k: 4, blockBytes });
const idOf = (chunk: Uint8Array) => hash.keyed(sealing.idKey, chunk);
const hexOf = (of: Uint8Array) => Buffer.from(of).toString("hex");
const { hash: _, ...salvage } = { ...sealing, random: seededBytes(51) };

const draftNames = seededBytes(52);
const storeOn = (fs: Fs): BlobStore => directoryStore({ fs, root, random: draftNames });
const input = (fs: Fs, more: Partial<HealInput> = {}): HealInput => ({
  store: storeOn(fs),
  name,
  hash,
  parity: [4, 1],
  ...more,
});

/** A disk on which each of these blocks of the pack has one wrong byte. */
async function damagedDisk(
  blocks: readonly number[],
  parity: readonly Uint8Array[] | null = encoded,
): Promise<MemoryFs> {
  const disk = createMemoryFs();
  const wrong = Buffer.from(bytes);
  for (const n of blocks) wrong[n * blockBytes + 77] = (wrong[n * blockBytes + 77] ?? 0) ^ 4;
  await makeDirs(disk.fs, root);
  await storeOn(disk.fs).create(name, [wrong]);
  if (parity) await storeOn(disk.fs).create(parityPath(pack.id), parity);
  disk.settle();
  return disk;
}

async function readableOn(fs: Fs): Promise<Set<string>> {
  const packs = await openPacks({ store: storeOn(fs), opener, hash });
  const found = new Set<string>();
  for (const chunk of chunks)
    await packs.read(idOf(chunk)).then(
      () => found.add(hexOf(idOf(chunk))),
      () => {},
    );
  return found;
}

async function blobsOn(fs: Fs): Promise<string[]> {
  const names: string[] = [];
  for await (const blob of storeOn(fs).list("")) names.push(blob.name);
  return names.filter((name) => !name.startsWith("tmp/")).sort();
}

const whole = [name, parityPath(pack.id)].sort();
const contentOf = async (fs: Fs, of: string) => storeOn(fs).read(of, 0, (await storeOn(fs).size(of)) ?? 0);
const isExact = async (fs: Fs) => Buffer.compare(await contentOf(fs, name), bytes) === 0;

/** Whole by its own hash, with hashes of blocks that are nobody's. */
function forgedParity(): Buffer {
  const forged = Buffer.concat(encoded);
  const hashed = 52 + 32 * (8 + 2);
  forged.fill(7, 52, hashed);
  forged.set(digestOf(hash, [forged.subarray(0, hashed)]), hashed);
  return forged;
}

describe("a pack with parity", () => {
  test("that is whole stays untouched", async () => {
    const disk = await damagedDisk([]);
    const before = disk.contents();
    expect(await healPack(input(disk.fs))).toEqual({ kind: "intact", parity: false });
    expect(disk.contents()).toEqual(before);
  });

  test("is byte for byte what it was, and nothing else is left", async () => {
    const disk = await damagedDisk([1, 6]);
    const damage = { data: [1, 6], parity: [], surplusBytes: 0 };
    expect(await healPack(input(disk.fs))).toEqual({ kind: "repaired", damage, parity: false });
    expect(await isExact(disk.fs)).toBe(true);
    expect(await blobsOn(disk.fs)).toEqual(whole);
    expect((await readableOn(disk.fs)).size).toBe(chunks.length);
  });

  test.for(["missing", "damaged", "headless", "forged"])("%s gets its parity again", async (how) => {
    const wrong = Buffer.concat(encoded);
    const at = how === "headless" ? 8 : wrong.length - 1;
    wrong[at] = (wrong[at] ?? 0) ^ 1;
    const disk = await damagedDisk(
      [],
      how === "missing" ? null : [how === "forged" ? forgedParity() : wrong],
    );
    expect(await healPack(input(disk.fs))).toEqual({ kind: "intact", parity: true });
    expect(await healPack(input(disk.fs))).toEqual({ kind: "intact", parity: false });
    expect(await healPack(input((await damagedDisk([], null)).fs, { parity: [4, 0] }))).toMatchObject({
      parity: false,
    });
  });

  test("stays as it is where the lease is lost before the first removal", async () => {
    const disk = await damagedDisk([1]);
    const lost = new Fault("refused", "a higher number exists");
    const run = healPack(input(disk.fs, { beforeRemove: () => Promise.reject(lost) }));
    await expect(run).rejects.toBe(lost);
    expect(await isExact(disk.fs)).toBe(false);
    expect(await healPack(input(disk.fs))).toMatchObject({ kind: "repaired" });
    expect(await blobsOn(disk.fs)).toEqual(whole);
  });
});

describe("a pack that has lost too much", () => {
  test("is refused where nothing may be written in its place, and where nothing could be saved", async () => {
    const disk = await damagedDisk([0, 1]);
    const before = disk.contents();
    await expect(healPack(input(disk.fs))).rejects.toThrow("2 of stripe 0 (0, 1)");
    await expect(healPack(input(disk.fs, { salvage }))).rejects.toMatchObject({ code: "snapshot-corrupt" });
    expect(disk.contents()).toEqual(before);
    await expect(healPack(input(createMemoryFs().fs, { salvage }))).rejects.toMatchObject({
      code: "snapshot-missing",
    });
  });

  test("gives its chunks to a new pack: its own by the private key, the others from a source, and no lies", async () => {
    const disk = await damagedDisk([2, 3]);
    const good = await readableOn(disk.fs);
    const missing = chunks.filter((chunk) => !good.has(hexOf(idOf(chunk))));
    expect(good.size).toBeGreaterThan(0);
    expect(missing.length).toBeGreaterThan(1);
    const [first] = missing;
    const lying = async () => new Uint8Array(20_000);
    const failing = () => Promise.reject(new Fault("upstream-unreachable", "the peer is away"));
    const live = async (id: Uint8Array) =>
      first && Buffer.compare(id, idOf(first)) === 0 ? first : undefined;
    const result = await healPack(
      input(disk.fs, { salvage: { ...salvage, opener }, sources: [lying, failing, live] }),
    );
    expect(result).toMatchObject({ kind: "replaced", saved: good.size + 1, held: [], isAside: true });
    expect((result as { lost: string[] }).lost.length).toBe(missing.length - 1);
    expect((await readableOn(disk.fs)).size).toBe(good.size + 1);
    const packs = (result as { packs: string[] }).packs.flatMap((id) => [packPath(id), parityPath(id)]);
    expect(await blobsOn(disk.fs)).toEqual(
      [`damaged/${pack.id}.pk`, `damaged/${pack.id}.pr`, ...packs].sort(),
    );
  });

  test("stays where it is while it may hold what no source has", async () => {
    const disk = await damagedDisk([2, 3]);
    const [one] = chunks;
    const live = async (id: Uint8Array) => (one && Buffer.compare(id, idOf(one)) === 0 ? one : undefined);
    const before = await readableOn(disk.fs);
    const result = await healPack(input(disk.fs, { salvage, sources: [live] }));
    expect(result).toMatchObject({ kind: "replaced", saved: 1, isAside: false });
    expect((result as { held: string[] }).held.length).toBeGreaterThan(0);
    expect(await storeOn(disk.fs).size(name)).toBe(bytes.length);
    expect(await readableOn(disk.fs)).toEqual(before.add(hexOf(idOf(one ?? new Uint8Array()))));
  });

  test("is not made worse by parity whose hashes were made to fit other bytes", async () => {
    const forged = forgedParity();
    const disk = await damagedDisk([2], [forged]);
    const good = await readableOn(disk.fs);
    const result = await healPack(input(disk.fs, { salvage: { ...salvage, opener } }));
    expect(result).toMatchObject({ kind: "replaced", saved: good.size });
    expect(await readableOn(disk.fs)).toEqual(good);
  });

  test("and its trailer too is rebuilt by what an index says of it", async () => {
    const disk = createMemoryFs();
    await makeDirs(disk.fs, root);
    await storeOn(disk.fs).create(name, [bytes.subarray(0, 70_000)]);
    const lost = await healPack(input(disk.fs, { salvage: { ...salvage, opener } })).catch(
      (fault: unknown) => fault,
    );
    expect(lost).toMatchObject({ code: "snapshot-corrupt" });
    const byIndex = { ...salvage, opener, entries: pack.entries };
    const result = await healPack(input(disk.fs, { salvage: byIndex }));
    expect(result).toMatchObject({ kind: "replaced", saved: 3, held: [], isAside: true });
    expect((await readableOn(disk.fs)).size).toBe(3);
  });
});

test("a read that fails for a moment gives nothing up: neither the pack nor its parity is taken away", async () => {
  const sources = [async (id: Uint8Array) => chunks.find((chunk) => Buffer.compare(idOf(chunk), id) === 0)];
  const kinds = new Set<string>();
  for (let at = 0; ; at++) {
    const disk = await damagedDisk([1, 6]);
    const faulty = faultyFs(disk.fs, { at, kind: "EIO" });
    const more = { salvage: { ...salvage, opener }, sources };
    const result = await healPack(input(faulty.fs, more)).catch((fault: Fault) => fault);
    if (at >= faulty.calls()) break;
    kinds.add("kind" in result ? result.kind : result.code);
    if ("kind" in result && result.kind === "replaced")
      expect(result, `call ${at}`).toMatchObject({ isAside: false });
    expect(await healPack(input(disk.fs, more)), `call ${at}`).toMatchObject({
      kind: expect.stringMatching(/^(repaired|intact)$/),
    });
    expect(await isExact(disk.fs)).toBe(true);
  }
  expect(kinds).toEqual(new Set(["repaired", "replaced", "storage-failed"]));
});

const kinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];
const cases = {
  "repairs from parity": { blocks: [1, 6], more: {} },
  "saves the chunks": { blocks: [2, 3], more: { salvage: { ...salvage, opener }, sources: [] } },
};
describe.for(Object.entries(cases))("a heal that %s", ([, { blocks, more }]) => {
  test.for(kinds)("with %s at every call loses nothing, and the next one finishes it", async (kind) => {
    const atFirst = await readableOn((await damagedDisk(blocks)).fs);
    for (let at = 0; ; at++) {
      const disk = await damagedDisk(blocks);
      const faulty = faultyFs(disk.fs, { at, kind });
      const result = await healPack(input(faulty.fs, more)).catch((error: unknown) => error);
      if (at >= faulty.calls()) break;
      const when = `call ${at}`;
      if (result instanceof Error && !(result instanceof Crash))
        expect(["disk-full", "storage-failed", "snapshot-corrupt"], when).toContain((result as Fault).code);
      for (const seed of [1, 2]) {
        const { fs } = disk.crash(seededRandom(100 * at + seed));
        const waiting: string[] = [];
        for await (const each of unfinishedHeals(storeOn(fs))) waiting.push(each);
        const isGone = (await storeOn(fs).size(name)) === undefined;
        // Where the pack has no name for now, it is named as waiting; every other state reads as well as before.
        if (isGone && !("salvage" in more)) expect(waiting, when).toEqual([name]);
        else expect([...(await readableOn(fs))], when).toEqual(expect.arrayContaining([...atFirst]));
        await healPack(input(fs, more)).catch((fault: Fault) => {
          // Set aside by the run that was stopped: it is not a pack any more.
          expect([fault.code, isGone], when).toEqual(["snapshot-missing", true]);
        });
        const after = await readableOn(fs);
        expect([...after], when).toEqual(expect.arrayContaining([...atFirst]));
        if (!("salvage" in more)) {
          expect(await isExact(fs), when).toBe(true);
          expect(await blobsOn(fs), when).toEqual(whole);
        }
      }
    }
  });
});
