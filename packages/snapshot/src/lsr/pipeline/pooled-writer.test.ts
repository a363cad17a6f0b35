import { availableParallelism } from "node:os";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { seededRandom } from "../../testing/random.ts";
import { bytesSource } from "../byte-source.ts";
import { codecId } from "../codec/codec-id.ts";
import { nativeHash as hash } from "../crypto/native-hash.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { openManifest } from "../manifest/open-manifest.ts";
import { openPacks } from "../pack/open-packs.ts";
import { directoryStore } from "../store/directory-store.ts";
import { floatBytes } from "../testing/float-bytes.ts";
import { safetensorsFile } from "../testing/model-files.ts";
import { opener, sealing, seededBytes } from "../testing/rig.ts";
import { type SnapshotInput, writeSnapshot } from "../write-snapshot.ts";
import { createSnapshotPool, type SnapshotPool } from "./snapshot-pool.ts";

let pool: SnapshotPool;
beforeAll(() => {
  pool = createSnapshotPool({ threads: 2 });
});
afterAll(() => pool.close());

type Files = { path: string; bytes: Uint8Array }[];
const ids = ["01JD0000000000000000000001", "01JD0000000000000000000002"] as const;

/** A repository in memory, written one snapshot after another. */
function repositoryOf(chosen?: SnapshotPool) {
  const { fs } = createMemoryFs();
  const known = new Set<string>();
  const random = seededBytes(7);
  const store = directoryStore({ fs, root: "/r", random });
  const write = (id: string, files: Files, more: Partial<SnapshotInput> = {}) =>
    writeSnapshot(
      {
        stub: { id, model: "digits", capturedAt: "2026-01-02T03:04:05.006Z", parent: null, torn: false },
        files: files.map(({ path, bytes }) => ({
          path,
          mode: 0o644,
          mtimeNs: 1n,
          source: bytesSource(bytes),
        })),
        known,
        ...(chosen && { pool: chosen }),
        ...more,
      },
      { ...sealing, hash, random, store },
    );
  async function read(id: string) {
    const bytes = await store.read(`snaps/${id}.sn`, 0, (await store.size(`snaps/${id}.sn`)) ?? 0);
    const packs = await openPacks({ store, opener, hash });
    const files: { path: string; text: string; digest: string; chunks: string; parser: string }[] = [];
    for (const entry of (await openManifest(bytes, id, opener)).body.files) {
      if (entry.kind !== "file") continue;
      const chunks: Uint8Array[] = [];
      for (const { chunkId } of chunkRefs(entry)) chunks.push(await packs.read(chunkId));
      const { path, sha256, blake3, parser } = entry;
      files.push({
        path,
        text: Buffer.concat(chunks).toString("latin1"),
        digest: `sha256 ${sha256} blake3 ${blake3}`,
        chunks: entry.chunks,
        parser,
      });
    }
    const codecs = packs
      .entries()
      .map(({ codec, plainLength, base }) => `${codec} ${plainLength} ${base ? 1 : 0}`);
    return { files, codecs: codecs.sort() };
  }
  return { fs, store, write, read };
}

/** Sizes around everything that is a limit, contents that every codec gets a share of. */
const fileOf = fc.record({
  kind: fc.constantFrom("noise", "text", "zeros", "model", "tensors"),
  size: fc.oneof(
    fc.constantFrom(0, 1, 65_535, 65_536, 1 << 20, (1 << 20) + 1, (4 << 20) - 1, 4 << 20, (4 << 20) + 7),
    fc.nat(300_000),
  ),
  seed: fc.nat(1000),
});

function bytesOf({ kind, size, seed }: { kind: string; size: number; seed: number }): Uint8Array {
  const noise = () => {
    const random = seededRandom(seed);
    return Uint8Array.from({ length: size }, () => random() * 256);
  };
  switch (kind) {
    case "noise":
      return noise();
    case "text":
      return Buffer.from(`line ${seed} of the text\n`.repeat(1 + size / 20)).subarray(0, size);
    case "zeros":
      return new Uint8Array(size);
    case "model":
      return safetensorsFile([{ name: "w", bytes: floatBytes({ dtype: "bf16", count: size >> 1, seed }) }]);
    default:
      return safetensorsFile([
        { name: "a", bytes: floatBytes({ dtype: "bf16", count: size >> 4, seed }) },
        { name: "b", bytes: new Uint8Array(size >> 2) },
        { name: "c", bytes: floatBytes({ dtype: "bf16", count: 1 + (size >> 2), seed: seed + 1 }) },
      ]);
  }
}

const digestNames = fc.constantFrom("sha256" as const, "blake3" as const);

test("threads store the same chunks, by the same codecs, as one after another, and the same bytes come back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fileOf, { maxLength: 5 }), digestNames, async (shapes, digest) => {
      const files = shapes.map((shape, n) => ({
        path: /model|tensors/.test(shape.kind) ? `f${n}.safetensors` : `f${n}`,
        bytes: bytesOf(shape),
      }));
      const [alone, pooled] = [repositoryOf(), repositoryOf(pool)];
      await alone.write(ids[0], files, { digest });
      await pooled.write(ids[0], files, { digest });
      const found = await pooled.read(ids[0]);
      expect(found).toEqual(await alone.read(ids[0]));
      expect(found.files.map(({ text }) => text)).toEqual(
        files.map(({ bytes }) => Buffer.from(bytes).toString("latin1")),
      );
    }),
    { numRuns: 25 },
  );
}, 120_000);

const weights = floatBytes({ dtype: "bf16", count: 1_500_000, seed: 4 });
const tuned = weights.map((byte, at) => (at % 500 === 0 ? byte ^ 1 : byte));
const model = (bytes: Uint8Array): Files => [
  { path: "m.safetensors", bytes: safetensorsFile([{ name: "w", bytes }]) },
];

test("a second version is stored as differences, and the third time nothing is", async () => {
  const { write, read, store } = repositoryOf(pool);
  await write(ids[0], model(weights));
  const base: SnapshotInput["base"] = async ({ start, length }) =>
    model(weights)[0]?.bytes.subarray(start, start + length);
  const second = await write(ids[1], model(tuned), { base, isBase: () => true });
  const third = await write("01JD0000000000000000000003", model(tuned));
  expect([second.packs.length, third.packs.length]).toEqual([1, 0]);
  expect((await read(ids[1])).files).toMatchObject([
    { text: Buffer.from(model(tuned)[0]?.bytes ?? []).toString("latin1") },
  ]);
  const entries = (await openPacks({ store, opener, hash })).entries();
  expect(entries.filter(({ codec }) => codec === codecId.delta)).toHaveLength(3);
});

test("no difference is stored against what the repository may not have", async () => {
  const { write, store } = repositoryOf(pool);
  const base: SnapshotInput["base"] = async ({ start, length }) =>
    model(weights)[0]?.bytes.subarray(start, start + length);
  await write(ids[0], model(tuned), { base, isBase: () => false });
  const entries = (await openPacks({ store, opener, hash })).entries();
  expect(entries.map(({ codec }) => codec)).not.toContain(codecId.delta);
});

test("more packs than rooms, in any order of their ends", async () => {
  const { write, read } = repositoryOf(pool);
  const noise = seededRandom(5);
  // Written once and made different by its first bytes: a hundred mebibytes of draws would be most of the test.
  const piece = Uint8Array.from({ length: 1 << 20 }, () => noise() * 256);
  const files = Array.from({ length: 5 }, (_, file) => {
    const bytes = new Uint8Array(40 << 20);
    for (let n = 0; n < 40; n++) {
      bytes.set(piece, n << 20);
      bytes.set([file, n], n << 20);
    }
    return { path: `f${file}.safetensors`, bytes: safetensorsFile([{ name: "w", bytes }]) };
  });
  const { packs } = await write(ids[0], files);
  expect(packs.length).toBeGreaterThanOrEqual(4);
  const found = await read(ids[0]);
  for (const [n, { bytes }] of files.entries())
    expect(Buffer.from(found.files[n]?.text ?? "", "latin1").equals(bytes), `file ${n}`).toBe(true);
}, 120_000);

test("one thread a core, where nothing else is asked for", async () => {
  const all = createSnapshotPool();
  expect(all.threads).toBe(availableParallelism());
  await all.close();
});
