import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { recipientOf } from "../crypto/recipient.ts";
import { newRepository, repositoryDeps, startMs } from "../testing/repository-rig.ts";
import { privateKey, seededBytes } from "../testing/rig.ts";
import { macLine, openMacLine } from "./mac-line.ts";
import { listRecipients, publishRecipient } from "./recipient-files.ts";
import { createRepository, openRepository, type Repository } from "./repository.ts";
import { ulid, ulidPattern } from "./ulid.ts";

async function withConfig(change: (config: Record<string, unknown>) => Record<string, unknown>) {
  const { repository } = await newRepository();
  await replace(repository, macLine(repository.macKey, "config", change({ ...repository.config })));
  return repository;
}

async function replace({ store }: Repository, bytes: Uint8Array): Promise<void> {
  await store.remove("config");
  await store.create("config", [bytes]);
}

test("what was created is opened again, by whoever creates it a second time too", async () => {
  const { repository, reopen } = await newRepository();
  const again = await reopen();
  expect(again.repositoryId).toEqual(repository.repositoryId);
  expect((await openRepository(repository)).config).toMatchObject({
    format: "LSR/1",
    createdAt: new Date(startMs).toISOString(),
    chunkBytes: 1 << 20,
    parity: [16, 1],
  });
});

test("of many who create it at once, all get the same one", async () => {
  const { fs } = createMemoryFs();
  const time = { nowMs: startMs, times: new Map() };
  await fs.mkdir("/srv");
  await fs.mkdir("/srv/snapshots");
  const all = await Promise.all([1, 2, 3, 4].map(() => createRepository(repositoryDeps(fs, time))));
  expect(new Set(all.map(({ config }) => config.repository)).size).toBe(1);
});

test("storage that writes over what is there holds no repository", async () => {
  const { fs } = createMemoryFs();
  await fs.mkdir("/srv");
  await fs.mkdir("/srv/snapshots");
  const deps = repositoryDeps(fs, { nowMs: startMs, times: new Map() });
  const create = async (name: string, parts: readonly Uint8Array[]) => {
    await deps.store.remove(name);
    return deps.store.create(name, parts);
  };
  const made = createRepository({ ...deps, store: { ...deps.store, create } });
  await expect(made).rejects.toMatchObject({ code: "refused", hint: expect.stringContaining("gs://") });
  expect(await deps.store.size("config")).toBeUndefined();
});

test("none is there", async () => {
  const { fs } = createMemoryFs();
  const deps = repositoryDeps(fs, { nowMs: 0, times: new Map() });
  await expect(openRepository(deps)).rejects.toMatchObject({ code: "snapshot-missing" });
});

test.for([
  ["a format", { format: "LSR/2" }, /"LSR\/2"/],
  ["a feature", { requires: ["time-travel", "teleport"] }, /time-travel, teleport/],
  ["a chunk size", { chunkBytes: 4 << 20 }, /4194304/],
] as const)("%s that is not known is refused by its name", async ([, change, message]) => {
  const repository = await withConfig((config) => ({ ...config, ...change }));
  await expect(openRepository(repository)).rejects.toMatchObject({ code: "refused" });
  await expect(openRepository(repository)).rejects.toThrow(message);
});

test("optional features and members that are not known are passed over", async () => {
  const repository = await withConfig((config) => ({ ...config, optional: ["colour"], later: { a: 1 } }));
  expect((await openRepository(repository)).config.optional).toEqual(["colour"]);
});

test("another id key does not open it", async () => {
  const { repository } = await newRepository();
  const deps = { ...repository, idKey: seededBytes(404)(32) };
  await expect(openRepository(deps)).rejects.toMatchObject({ code: "snapshot-corrupt" });
});

test("any bytes in place of the config are a fault", async () => {
  const { repository } = await newRepository();
  const { store } = repository;
  const whole = await store.read("config", 0, (await store.size("config")) ?? 0);
  const changed = fc
    .tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
    .map(([at, mask]) => whole.map((byte, n) => (n === at ? byte ^ mask : byte)));
  const cut = fc.nat(whole.length - 1).map((length) => whole.subarray(0, length));
  const hostile = fc.oneof(fc.uint8Array({ maxLength: 500 }), fc.string().map(Buffer.from), changed, cut);
  await fc.assert(
    fc.asyncProperty(hostile, async (bytes) => {
      await replace(repository, bytes);
      await expect(openRepository(repository)).rejects.toMatchObject({ code: "snapshot-corrupt" });
    }),
  );
  await replace(repository, new Uint8Array(1 << 20));
  await expect(openRepository(repository)).rejects.toThrow(/at most 65536/);
});

test("a line opens under its own name only, and only as it was written", () => {
  const key = seededBytes(3)(32);
  fc.assert(
    fc.property(fc.string(), fc.dictionary(fc.string(), fc.jsonValue()), (name, members) => {
      const bytes = macLine(key, name, members);
      const { name: _, ...rest } = members;
      expect(openMacLine(key, name, bytes)).toEqual(JSON.parse(JSON.stringify({ ...rest, name })));
      expect(() => openMacLine(key, `${name}2`, bytes)).toThrow(/says that it is/);
      expect(() => openMacLine(seededBytes(4)(32), name, bytes)).toThrow(/id key/);
    }),
  );
});

test("a line has a member that is called __proto__, as any other", () => {
  const members = JSON.parse('{"__proto__":"kept"}');
  const line = macLine(seededBytes(3)(32), "config", members);
  expect(Buffer.from(line).toString()).toContain('{"name":"config","__proto__":"kept"}');
});

test("a line has its own name, whatever its members say", () => {
  const line = macLine(seededBytes(3)(32), "refs/digits/latest/0000000000000001", { name: "config" });
  expect(openMacLine(seededBytes(3)(32), "refs/digits/latest/0000000000000001", line)).toEqual({
    name: "refs/digits/latest/0000000000000001",
  });
});

test("ids sort by time, and are what the format asks for", () => {
  const random = seededBytes(5);
  fc.assert(
    fc.property(fc.nat(2 ** 47), fc.integer({ min: 1, max: 2 ** 40 }), (ms, more) => {
      const [early, late] = [ulid(ms, random), ulid(ms + more, random)];
      expect(early < late).toBe(true);
      expect(early).toMatch(ulidPattern);
    }),
  );
  expect(ulid(1_469_918_176_385, () => new Uint8Array(10))).toBe("01ARYZ6S410000000000000000");
});

test("recipients are listed; what is not what its name says is passed over", async () => {
  const { repository } = await newRepository();
  const recipient = recipientOf(privateKey);
  await publishRecipient(repository, { recipient, name: "operations" });
  const id = Buffer.from(recipient.id).toString("hex");
  const path = `keys/${id}.json`;
  const bytes = await repository.store.read(path, 0, (await repository.store.size(path)) ?? 0);
  await repository.store.create(`keys/${"0".repeat(64)}.json`, [bytes]);
  await repository.store.create("keys/readme", [Buffer.from("hello")]);
  await repository.store.create(`keys/${"1".repeat(64)}.json`, [Buffer.from('{"spki":"AAAA","name":"x"}')]);
  expect(await listRecipients(repository)).toMatchObject([{ id, kind: "x25519", name: "operations" }]);
});
