import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry } from "../pack/entries.ts";
import { packPath } from "../pack/pack-path.ts";
import { commitOf, namesOf, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { seededBytes } from "../testing/rig.ts";
import { createChunkIndex } from "./chunk-index.ts";
import { inSegments, openSegment, type PackEntries, sealSegment, segmentPath } from "./index-segment.ts";
import { loadIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";

const id32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const record = fc.record({
  chunkId: id32,
  length: fc.integer({ min: 1, max: 1 << 20 }),
  plainLength: fc.integer({ min: 1, max: 1 << 20 }),
  codec: fc.integer({ min: 0, max: 3 }),
  base: fc.option(id32, { nil: undefined }),
});
/** Records one after another, as a pack has them; one with a base is a difference. */
const packEntries: fc.Arbitrary<PackEntries> = fc
  .tuple(id32, fc.integer({ min: 104, max: 5000 }), fc.array(record, { maxLength: 20 }))
  .map(([pack, start, records]) => {
    let offset = start;
    const entries: Entry[] = records.map(({ base, codec, ...each }) => {
      const entry = { ...each, offset, codec: base ? 4 : codec, ...(base && { base }) };
      offset += each.length + 16;
      return entry;
    });
    return { pack: Buffer.from(pack).toString("hex"), entries };
  });
const packList = fc.uniqueArray(packEntries, { selector: ({ pack }) => pack, maxLength: 8 });
const plain = (packs: Iterable<PackEntries>) =>
  Array.from(packs, ({ pack, entries }) => ({
    pack,
    entries: entries.map((entry) => ({
      ...entry,
      chunkId: Uint8Array.from(entry.chunkId),
      ...(entry.base && { base: Uint8Array.from(entry.base) }),
    })),
  }));

test("a segment gives back what went in, and an index of it every copy in its place", async () => {
  const { repository } = await newRepository();
  fc.assert(
    fc.property(packList, (packs) => {
      const read = plain(openSegment(sealSegment(packs, repository).bytes, repository));
      expect(read).toEqual(plain(packs));
      const index = createChunkIndex();
      for (const pack of packs) index.addPack(pack);
      expect(plain([...index.packs()].map((pack) => ({ pack, entries: index.entriesOf(pack) })))).toEqual(
        read,
      );
      for (const { pack, entries } of packs)
        for (const [ordinal, entry] of entries.entries()) {
          const found = index.find(Buffer.from(entry.chunkId));
          expect(found).toContainEqual(expect.objectContaining({ pack, ordinal, offset: entry.offset }));
          if (!entry.base) expect(index.isBase(entry.chunkId) && index.isReadable(entry.chunkId)).toBe(true);
        }
      expect(index.has(seededBytes(5)(32))).toBe(false);
    }),
  );
});

test("an index has what it was given and nothing else, among many", () => {
  const index = createChunkIndex();
  const random = seededBytes(77);
  const ids = Array.from({ length: 5000 }, () => Buffer.from(random(32)));
  const entry = { length: 10, plainLength: 10, codec: 0 };
  const entries = ids.map((chunkId, n) => ({ ...entry, chunkId, offset: 104 + 26 * n }));
  index.addPack({ pack: "aa", entries });
  index.addPack({ pack: "aa", entries });
  expect(index.size()).toBe(5000);
  expect(ids.every((id) => index.has(id) && index.find(id).length === 1)).toBe(true);
  // Views into a pool, as reading a file gives them: an id must not be taken from where the pool begins.
  expect(Array.from({ length: 5000 }, () => Buffer.from(random(32))).some((id) => index.has(id))).toBe(false);
});

test("a difference without its base does not count as stored", () => {
  const index = createChunkIndex();
  const [chunkId, base] = [seededBytes(1)(32), seededBytes(2)(32)];
  const entry = { offset: 104, length: 1, plainLength: 1 };
  index.addPack({ pack: "aa", entries: [{ ...entry, chunkId, codec: 4, base }] });
  expect([index.has(chunkId), index.isReadable(chunkId), index.isBase(chunkId)]).toEqual([
    true,
    false,
    false,
  ]);
  index.addPack({ pack: "bb", entries: [{ ...entry, chunkId: base, codec: 0 }] });
  expect(index.isReadable(chunkId)).toBe(true);
});

test("packs are grouped into segments of some 4 MiB", () => {
  const chunkId = seededBytes(1)(32);
  const entries = (count: number): Entry[] =>
    Array.from({ length: count }, () => ({
      chunkId,
      offset: 0,
      length: 0,
      plainLength: 0,
      codec: 0,
    }));
  const large = entries(30_000);
  const packs = ["aa", "bb", "cc", "dd", "ee"].map((pack) => ({ pack, entries: large }));
  expect(Array.from(inSegments(packs), (group) => group.length)).toEqual([2, 2, 1]);
});

test("any bytes in place of a segment are a fault, or the segment itself", async () => {
  const { repository } = await newRepository();
  const pack = { pack: "ab".repeat(32), entries: [] };
  const { bytes } = sealSegment([pack], repository);
  const changed = fc
    .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, mask]) => bytes.map((byte, n) => (n === at ? byte ^ mask : byte)));
  const cut = fc.nat(bytes.length - 1).map((length) => bytes.subarray(0, length));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), changed, cut), (hostile) => {
      expect(() => [...openSegment(hostile, repository)]).toThrow(
        expect.objectContaining({ code: "snapshot-corrupt" }),
      );
    }),
  );
});

const segments = (repository: Repository) => namesOf(repository, "idx/");

describe("opening never fails because of an index", () => {
  const damages: [string, (bytes: Uint8Array) => Uint8Array | undefined][] = [
    ["missing", () => undefined],
    ["torn", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["changed", (bytes) => bytes.map((byte, at) => (at === 80 ? byte ^ 1 : byte))],
    ["empty", () => new Uint8Array()],
  ];
  test.for(damages)("a segment that is %s is made again from the packs", async ([, damage]) => {
    const { repository } = await newRepository();
    const { packs } = await commitOf(repository, weightsOf(1));
    const [name = ""] = await segments(repository);
    const bytes = await repository.store.read(name, 0, (await repository.store.size(name)) ?? 0);
    await repository.store.remove(name);
    const damaged = damage(bytes);
    if (damaged) await repository.store.create(name, [damaged]);
    const { index, damaged: found } = await loadIndex(repository, { for: "reader" });
    expect([...index.packs()]).toEqual(packs);
    expect(found.map((each) => each.name)).toEqual(damaged ? [name] : []);
    const after = await segments(repository);
    expect(after).toHaveLength(1);
    expect((await loadIndex(repository, { for: "reader" })).damaged).toEqual([]);
    expect((await commitOf(repository, weightsOf(1))).packs).toEqual([]);
  });

  test("of another id key: left alone, and the packs are asked", async () => {
    const { repository } = await newRepository();
    const { packs } = await commitOf(repository, weightsOf(1));
    for (const name of await segments(repository)) await repository.store.remove(name);
    const foreign = sealSegment([], { ...repository, idKey: seededBytes(99)(32) });
    await repository.store.create(segmentPath(foreign.id), [foreign.bytes]);
    expect([...(await loadIndex(repository, { for: "reader" })).index.packs()]).toEqual(packs);
    expect(await segments(repository)).toContain(segmentPath(foreign.id));
  });

  test("of a pack that is gone, or that is too short for it: not believed", async () => {
    const { repository } = await newRepository();
    const { packs } = await commitOf(repository, weightsOf(1));
    const gone = { pack: "00".repeat(32), entries: [] };
    const wrong = {
      pack: packs[0] ?? "",
      entries: [{ chunkId: seededBytes(8)(32), offset: 1 << 26, length: 5, plainLength: 5, codec: 0 }],
    };
    for (const name of await segments(repository)) await repository.store.remove(name);
    const { id, bytes } = sealSegment([gone, wrong], repository);
    await repository.store.create(segmentPath(id), [bytes]);
    const { index } = await loadIndex(repository, { for: "reader" });
    expect([...index.packs()]).toEqual(packs);
    expect(index.has(seededBytes(8)(32))).toBe(false);
  });

  test("on a storage that takes no more writes", async () => {
    const { repository } = await newRepository();
    const { packs } = await commitOf(repository, weightsOf(1));
    for (const name of await segments(repository)) await repository.store.remove(name);
    const create = () => Promise.reject(new Fault("refused", "read-only"));
    const readOnly = { ...repository, store: { ...repository.store, create } };
    expect([...(await loadIndex(readOnly, { for: "reader" })).index.packs()]).toEqual(packs);
  });

  test("a pack that does not open is named, and the others are there", async () => {
    const { repository } = await newRepository();
    const { packs } = await commitOf(repository, weightsOf(1));
    const name = packPath("cd".repeat(32));
    await repository.store.create(name, [Buffer.from("no pack")]);
    const loaded = await loadIndex(repository, { for: "reader" });
    expect([...loaded.index.packs()]).toEqual(packs);
    expect(loaded.unreadable.map((each) => each.name)).toEqual([name]);
  });
});

test("more than 64 segments become one, and nothing is lost by it", async () => {
  const { repository } = await newRepository();
  const { packs } = await commitOf(repository, weightsOf(1));
  const entries = (await loadIndex(repository, { for: "reader" })).index.entriesOf(packs[0] ?? "");
  for (let n = 0; n < 65; n++) {
    const { id, bytes } = sealSegment([{ pack: packs[0] ?? "", entries }], repository);
    await repository.store.create(segmentPath(id), [bytes]);
  }
  expect(await segments(repository)).toHaveLength(66);
  await loadIndex(repository, { for: "writer" });
  expect(await segments(repository)).toHaveLength(1);
  expect((await commitOf(repository, weightsOf(1))).packs).toEqual([]);
});
