import type { Blob, BlobStore } from "@locum/snapshot/repository";
import { describe, expect, test } from "vitest";

/** What every storage of a repository has to hold to, whatever it lies on. Each test gets an empty one. */
export function blobStoreConformance(name: string, open: () => Promise<BlobStore>): void {
  describe(`store: ${name}`, () => {
    test("what was created is read, whole and in ranges, and has its size", async () => {
      const store = await open();
      expect(await store.create("packs/ab/one.pk", [Buffer.from("hello "), Buffer.from("world")])).toBe(true);
      expect(await store.size("packs/ab/one.pk")).toBe(11);
      expect(text(await store.read("packs/ab/one.pk", 0, 11))).toBe("hello world");
      expect(text(await store.read("packs/ab/one.pk", 6, 5))).toBe("world");
      expect(await store.read("packs/ab/one.pk", 3, 0)).toHaveLength(0);
    });

    test("an empty blob is one", async () => {
      const store = await open();
      await store.create("tmp-less/empty", []);
      expect(await store.size("tmp-less/empty")).toBe(0);
    });

    test("a name that is taken is not written again", async () => {
      const store = await open();
      await store.create("refs/m/latest/0000000000000001", [Buffer.from("first")]);
      expect(await store.create("refs/m/latest/0000000000000001", [Buffer.from("second")])).toBe(false);
      expect(text(await store.read("refs/m/latest/0000000000000001", 0, 5))).toBe("first");
    });

    test("of many who create one name at once, one succeeds", async () => {
      const store = await open();
      const tries = Array.from({ length: 8 }, (_, n) =>
        store.create("locks/gc/1", [Buffer.from(`writer ${n}`)]),
      );
      const won = (await Promise.all(tries)).flatMap((isNew, n) => (isNew ? [n] : []));
      expect(won).toHaveLength(1);
      expect(text(await store.read("locks/gc/1", 0, 8))).toBe(`writer ${won[0]}`);
    });

    test("what is not there has no size, cannot be read, and is removed all the same", async () => {
      const store = await open();
      expect(await store.size("snaps/none.sn")).toBeUndefined();
      await expect(store.read("snaps/none.sn", 0, 1)).rejects.toMatchObject({ code: "snapshot-missing" });
      await store.remove("snaps/none.sn");
    });

    test("a range beyond the end is told", async () => {
      const store = await open();
      await store.create("idx/short.ix", [Buffer.from("abc")]);
      await expect(store.read("idx/short.ix", 1, 3)).rejects.toMatchObject({ code: "snapshot-corrupt" });
      await expect(store.read("idx/short.ix", 9, 1)).rejects.toMatchObject({ code: "snapshot-corrupt" });
    });

    test("lists by prefix, with sizes, and nothing that was removed", async () => {
      const store = await open();
      for (const each of ["packs/ab/1.pk", "packs/ab/1.pr", "packs/cd/2.pk", "idx/3.ix"])
        await store.create(each, [Buffer.from(each)]);
      await store.remove("packs/ab/1.pr");
      expect(await namesOf(store, "packs/")).toEqual(["packs/ab/1.pk", "packs/cd/2.pk"]);
      expect(await namesOf(store, "packs/ab/1")).toEqual(["packs/ab/1.pk"]);
      expect(await namesOf(store, "nothing/")).toEqual([]);
      const [one] = await all(store, "idx/");
      expect(one?.bytes).toBe("idx/3.ix".length);
      expect(one?.modifiedMs).toBeGreaterThanOrEqual(0);
    });

    test("more blobs than one page of a listing holds", { timeout: 60_000 }, async () => {
      const store = await open();
      const names = Array.from({ length: 1100 }, (_, n) => `intents/${String(n).padStart(6, "0")}.json`);
      for (let at = 0; at < names.length; at += 50)
        await Promise.all(names.slice(at, at + 50).map((each) => store.create(each, [Buffer.from("{}")])));
      expect(await namesOf(store, "intents/")).toEqual(names);
    });

    test("five mebibytes in uneven parts come back byte for byte", async () => {
      const store = await open();
      const parts = [1, 1 << 20, 77_777, 4 << 20].map((length, n) => new Uint8Array(length).fill(n + 1));
      await store.create("packs/ee/large.pk", parts);
      const whole = Buffer.concat(parts);
      expect(Buffer.compare(await store.read("packs/ee/large.pk", 0, whole.length), whole)).toBe(0);
      const middle = await store.read("packs/ee/large.pk", 1_048_570, 100);
      expect(Buffer.compare(middle, whole.subarray(1_048_570, 1_048_670))).toBe(0);
    });
  });
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

async function all(store: BlobStore, prefix: string): Promise<Blob[]> {
  const blobs: Blob[] = [];
  for await (const blob of store.list(prefix)) blobs.push(blob);
  return blobs;
}

const namesOf = async (store: BlobStore, prefix: string): Promise<string[]> =>
  (await all(store, prefix)).map(({ name }) => name).sort();
