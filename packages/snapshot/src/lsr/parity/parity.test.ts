import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { nativeHash as hash } from "../crypto/native-hash.ts";
import { referenceHash } from "../testing/blake3-reference.ts";
import { referenceParity, referenceSolve } from "../testing/reference-parity.ts";
import { seededBytes } from "../testing/rig.ts";
import { encodeParity } from "./encode-parity.ts";
import { findDamage } from "./find-damage.ts";
import { countsOf } from "./parity-shape.ts";
import { parseParity } from "./parse-parity.ts";
import { repairPack } from "./repair-pack.ts";

const blockBytes = 4096;
const idOf = (bytes: Uint8Array) => Buffer.from(digestOf(hash, [bytes])).toString("hex");

async function parityOf(bytes: Uint8Array, options: { k?: number; m?: 1 | 2; blockBytes?: number } = {}) {
  const parts = await encodeParity(bytesSource(bytes), { packId: idOf(bytes), hash, blockBytes, ...options });
  return Buffer.concat(parts);
}

const blocksOf = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / blockBytes) }, (_, n) => {
    const block = new Uint8Array(blockBytes);
    block.set(bytes.subarray(n * blockBytes, (n + 1) * blockBytes));
    return block;
  });

const shapes = fc.record({
  length: fc.integer({ min: 1, max: 12 * blockBytes }),
  k: fc.integer({ min: 1, max: 6 }),
  m: fc.constantFrom(1 as const, 2 as const),
  seed: fc.nat(),
});

describe("parity", () => {
  test("is what the format says, by the slow reference", async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ({ length, k, m, seed }) => {
        const pack = seededBytes(seed)(length);
        const encoded = await parityOf(pack, { k, m });
        const blocks = blocksOf(pack);
        const expected = referenceParity(blocks, { k, m });
        const head = Buffer.alloc(20);
        head.write("LSRR");
        head.set([1, k, m, 0], 4);
        head.writeUInt32LE(blockBytes, 8);
        head.writeBigUInt64LE(BigInt(length), 12);
        const hashes = [...blocks, ...expected].map((block) => digestOf(referenceHash, [block]));
        const hashed = Buffer.concat([head, Buffer.from(idOf(pack), "hex"), ...hashes]);
        const whole = Buffer.concat([hashed, digestOf(referenceHash, [hashed]), ...expected]);
        expect(Buffer.compare(encoded, whole)).toBe(0);
      }),
      { numRuns: 15 },
    );
  });

  test("gives the only bytes back that the format allows, whichever blocks of a stripe are lost", async () => {
    const pack = seededBytes(5)(5 * blockBytes - 100);
    const blocks = blocksOf(pack);
    const parity = referenceParity(blocks, { k: 5, m: 2 });
    const encoded = await parityOf(pack, { k: 5, m: 2 });
    const parsed = await parseParity(bytesSource(encoded), hash);
    for (let a = 0; a < 5; a++)
      for (let b = a; b < 5; b++) {
        const damaged = pack.slice();
        for (const n of [a, b]) damaged.fill(0, n * blockBytes, (n + 1) * blockBytes);
        const { parts } = await repairPack(bytesSource(damaged), parsed, { packId: idOf(pack), hash });
        const repaired = blocksOf(Buffer.concat(parts));
        const at = 17 * a + b;
        const data = blocks.map((block, n) => (n === a || n === b ? undefined : block[at]));
        const rows = parity.map((block, j) => ({ j, byte: block[at] ?? 0 }));
        const gaps = a === b ? [a] : [a, b];
        expect(referenceSolve(data, rows)).toEqual([gaps.map((n) => repaired[n]?.[at])]);
      }
  });

  test("is not made of bytes that are not the pack's", async () => {
    const pack = seededBytes(6)(3 * blockBytes);
    const wrong = encodeParity(bytesSource(pack.with(9, (pack[9] ?? 0) ^ 1)), { packId: idOf(pack), hash });
    await expect(wrong).rejects.toMatchObject({ code: "snapshot-corrupt" });
    const empty = encodeParity(bytesSource(new Uint8Array()), { packId: idOf(new Uint8Array()), hash });
    await expect(empty).rejects.toMatchObject({ code: "snapshot-corrupt" });
  });
});

describe("a parity file of outside", () => {
  test("with any bytes is refused, and no more of it read than it has", async () => {
    const start = Buffer.from("LSRR\x01\x10\x01\x00", "latin1");
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ minLength: 12, maxLength: 300 }).map((rest) => Buffer.concat([start, rest])),
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (bytes) => {
        await expect(parseParity(bytesSource(bytes), hash)).rejects.toMatchObject({
          code: "snapshot-corrupt",
        });
      }),
      { numRuns: 500 },
    );
  });

  test("that announces more than there is takes no memory for it", async () => {
    const head = Buffer.alloc(52);
    head.write("LSRR");
    head.set([1, 1, 2, 0], 4);
    head.writeUInt32LE(4096, 8);
    for (const packBytes of [1n << 27n, (1n << 27n) + 1n, 1n << 63n, 0n]) {
      head.writeBigUInt64LE(packBytes, 12);
      const asked: number[] = [];
      const source = {
        size: head.length,
        async read(at: number, length: number) {
          asked.push(length);
          return head.subarray(at, at + length);
        },
      };
      await expect(parseParity(source, hash)).rejects.toMatchObject({ code: "snapshot-corrupt" });
      expect(Math.max(...asked)).toBe(52);
    }
  });

  test("with any byte of its head changed is refused; with one of its blocks changed or gone, it names the block", async () => {
    const pack = seededBytes(7)(9 * blockBytes + 5);
    const encoded = await parityOf(pack, { k: 4, m: 2 });
    const { counts } = await parseParity(bytesSource(encoded), hash);
    for (let at = 0; at < counts.headBytes; at++) {
      const changed = encoded.with(at, (encoded[at] ?? 0) ^ 0x20);
      await expect(parseParity(bytesSource(changed), hash), `byte ${at}`).rejects.toMatchObject({
        code: "snapshot-corrupt",
      });
    }
    const changed = encoded.with(
      counts.headBytes + 2 * blockBytes,
      (encoded[counts.headBytes + 2 * blockBytes] ?? 0) ^ 1,
    );
    const cut = bytesSource(changed.subarray(0, changed.length - 1));
    const parity = await parseParity(cut, hash);
    expect(await findDamage(bytesSource(pack), parity, hash)).toEqual({
      data: [],
      parity: [2, counts.parity - 1],
      surplusBytes: 0,
    });
  });

  test("that is whole but of other bytes, shapes and lengths gives the pack or a clear fault", async () => {
    const pack = seededBytes(8)(6 * blockBytes);
    const packId = idOf(pack);
    await fc.assert(
      fc.asyncProperty(shapes, async ({ length, k, m, seed }) => {
        const of = seededBytes(seed)(length);
        of.set(pack.subarray(0, Math.floor(length / 2)));
        const forged = Buffer.from(await parityOf(of, { k, m }));
        forged.write(packId, 20, "hex");
        const hashed = countsOf({ packBytes: length, blockBytes, k, m }).headBytes - 32;
        forged.set(digestOf(hash, [forged.subarray(0, hashed)]), hashed);
        const parity = await parseParity(bytesSource(forged), hash);
        const result = await repairPack(bytesSource(pack), parity, { packId, hash }).catch((fault) => fault);
        if (result.parts) expect(Buffer.compare(Buffer.concat(result.parts), pack)).toBe(0);
        else expect(result).toMatchObject({ code: "snapshot-corrupt" });
      }),
      { numRuns: 60 },
    );
  });
});
