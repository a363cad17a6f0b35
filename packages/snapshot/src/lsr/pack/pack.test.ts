import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { keyOpener } from "../crypto/key-opener.ts";
import { recipientOf } from "../crypto/recipient.ts";
import { referenceHash as hash } from "../testing/blake3-reference.ts";
import { opener, openerOf, recordOf, sealing, seededBytes } from "../testing/rig.ts";
import { buildPack, type Pack } from "./build-pack.ts";
import { isPackIntact } from "./is-pack-intact.ts";
import { type OpenPack, openPack, readPackIndex, readRecord } from "./read-pack.ts";

const bytesOf = ({ parts }: Pack): Uint8Array => Buffer.concat(parts);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

async function readAll(pack: OpenPack): Promise<string[]> {
  const chunks: string[] = [];
  for (const ordinal of pack.entries.keys()) chunks.push(text(await readRecord(pack, ordinal, { hash })));
  return chunks;
}

/** It tells nobody anything here: no stanza was published beside it. */
const name = "packs/00/pack.pk";

describe("a pack", () => {
  test("gives its chunks back to every recipient, and its length is rounded", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 12 }), async (chunks) => {
        const pack = buildPack(
          chunks.map((chunk) => recordOf(chunk)),
          sealing,
        );
        const bytes = bytesOf(pack);
        expect(bytes.length % 65536).toBe(0);
        for (const each of [opener, openerOf(12)]) {
          const open = await openPack(bytesSource(bytes), { name, opener: each });
          expect((await readAll(open)).toSorted()).toEqual(chunks.map(text).toSorted());
        }
      }),
      { numRuns: 20 },
    );
  });

  test("sealed for an RSA key opens with it", async () => {
    const rsa = generateKeyPairSync("rsa", { modulusLength: 3072 });
    const pack = buildPack([recordOf(Buffer.from("weights"))], {
      ...sealing,
      recipients: [recipientOf(rsa.publicKey)],
    });
    const open = await openPack(bytesSource(bytesOf(pack)), { name, opener: keyOpener(rsa.privateKey) });
    expect(await readAll(open)).toEqual(["weights"]);
    await expect(openPack(open.source, { name, opener })).rejects.toMatchObject({ code: "not-authorised" });
  });

  test("a key too weak to be a recipient is refused", () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    expect(() => recipientOf(publicKey)).toThrow(/at least 3072/);
    expect(() => recipientOf(generateKeyPairSync("ed25519").publicKey)).toThrow(/X25519/);
  });

  test("has a delta that needs its base, by name", async () => {
    const base = seededBytes(5)(4096);
    const plain = base.with(7, 1);
    const pack = buildPack([recordOf(plain, { kind: "zstd" }, base)], sealing);
    const open = await openPack(bytesSource(bytesOf(pack)), { name, opener });
    const [entry] = open.entries;
    expect(entry?.base).toEqual(Buffer.from(hash.keyed(sealing.idKey, base)));
    expect(Buffer.compare(await readRecord(open, 0, { hash, baseOf: async () => base }), plain)).toBe(0);
    await expect(readRecord(open, 0, { hash })).rejects.toMatchObject({ code: "snapshot-corrupt" });
    const other = readRecord(open, 0, { hash, baseOf: async () => plain });
    await expect(other).rejects.toMatchObject({ code: "snapshot-corrupt" });
  });

  test("shows a writer what is inside and opens nothing for it", async () => {
    const pack = buildPack([recordOf(Buffer.from("canary"))], sealing);
    const source = bytesSource(bytesOf(pack));
    const { entries } = await readPackIndex(source, sealing.idKey);
    expect(entries).toHaveLength(1);
    expect(text(bytesOf(pack))).not.toContain("canary");
    const guess = { ...(await readPackIndex(source, sealing.idKey)), source, idKey: sealing.idKey };
    await expect(readRecord({ ...guess, recordKey: sealing.idKey }, 0, { hash })).rejects.toThrow(
      /does not open/,
    );
  });

  test("is never twice under one key", () => {
    const [first, second] = [1, 2].map(() => buildPack([recordOf(Buffer.from("same"))], sealing));
    expect(first?.id).not.toBe(second?.id);
  });
});

describe("hostile packs", () => {
  let pack: Pack;
  let good: Uint8Array;
  beforeAll(() => {
    pack = buildPack(
      [1, 2, 3].map((seed) => recordOf(seededBytes(seed)(500))),
      sealing,
    );
    good = bytesOf(pack);
  });

  test("one changed byte anywhere is noticed by name, and never gives another chunk", async () => {
    expect(await isPackIntact(bytesSource(good), pack.id, hash)).toBe(true);
    const wanted = await readAll(await openPack(bytesSource(good), { name, opener }));
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: good.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bad = Uint8Array.from(good);
          bad[at] = (bad[at] ?? 0) ^ flip;
          expect(await isPackIntact(bytesSource(bad), pack.id, hash)).toBe(false);
          await expectGoodOrFault(bad, wanted);
        },
      ),
      { numRuns: 60, examples: Array.from({ length: 12 }, (_, at) => [at, 255] as [number, number]) },
    );
  });

  test("cut short anywhere, or any bytes at all", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: good.length - 1 }), (length) =>
        expectGoodOrFault(good.subarray(0, length), []),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), (bytes) => expectGoodOrFault(bytes, [])),
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), (bytes) =>
        expectGoodOrFault(Buffer.concat([good.subarray(0, 104), bytes]), []),
      ),
    );
  });

  test("a record moved to another place does not open", async () => {
    const open = await openPack(bytesSource(good), { name, opener });
    const [first, second] = open.entries;
    if (!first || !second) throw new Error("two records");
    const swapped = { ...open, entries: [second, first] };
    await expect(readRecord(swapped, 0, { hash })).rejects.toMatchObject({ code: "snapshot-corrupt" });
  });

  test("another private key", async () => {
    await expect(openPack(bytesSource(good), { name, opener: openerOf(99) })).rejects.toMatchObject({
      code: "not-authorised",
    });
  });
});

async function expectGoodOrFault(bytes: Uint8Array, wanted: string[]): Promise<void> {
  try {
    expect(await readAll(await openPack(bytesSource(bytes), { name, opener }))).toEqual(wanted);
  } catch (error) {
    expect(["snapshot-corrupt", "not-authorised"], String(error)).toContain(
      (error as { code?: string }).code,
    );
  }
}
