import { Fault } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../testing/random.ts";
import { type ByteSource, bytesSource } from "../byte-source.ts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { nativeHash as hash } from "../crypto/native-hash.ts";
import { seededBytes } from "../testing/rig.ts";
import { encodeParity } from "./encode-parity.ts";
import { findDamage } from "./find-damage.ts";
import { parseParity } from "./parse-parity.ts";
import { repairPack } from "./repair-pack.ts";

const blockBytes = 16 << 10;
const [k, blocks] = [4, 14];
const pack = seededBytes(21)(blocks * blockBytes - 3000);
// A run of zeros, as padding has it: a zeroed page or a lost end may change nothing there.
pack.fill(0, 5 * blockBytes, 6 * blockBytes);
const packId = Buffer.from(digestOf(hash, [pack])).toString("hex");

type Bytes = { pack: Uint8Array; parity: Uint8Array };
type Strike = (bytes: Uint8Array, at: number, random: () => number) => Uint8Array;

const strikes: Record<string, Strike> = {
  "a flipped bit": (bytes, at, random) => bytes.with(at, (bytes[at] ?? 0) ^ (1 << (random() * 8))),
  "a torn 4 KiB": (bytes, at, random) => changed(bytes, at, () => random() * 256),
  "a zeroed page": (bytes, at) => changed(bytes, at & ~4095, () => 0),
  "a lost end": (bytes, at) => bytes.slice(0, at),
};

function changed(bytes: Uint8Array, from: number, byte: () => number): Uint8Array {
  const out = Uint8Array.from(bytes);
  for (let at = from; at < Math.min(from + 4096, out.length); at++) out[at] = byte();
  return out;
}

/** How many blocks of each stripe differ, told from the bytes, without a hash. */
function lostPerStripe(m: number, headBytes: number, good: Bytes, bad: Bytes): number[] {
  const lost = new Array<number>(Math.ceil(blocks / k)).fill(0);
  const compare = (from: Uint8Array, to: Uint8Array, start: number, per: number) => {
    for (let n = 0; start + n * blockBytes < from.length; n++) {
      const block = Buffer.alloc(blockBytes);
      block.set(to.subarray(start + n * blockBytes, start + (n + 1) * blockBytes));
      const whole = Buffer.alloc(blockBytes);
      whole.set(from.subarray(start + n * blockBytes, start + (n + 1) * blockBytes));
      if (!block.equals(whole)) lost[Math.floor(n / per)] = (lost[Math.floor(n / per)] ?? 0) + 1;
    }
  };
  compare(good.pack, bad.pack, 0, k);
  compare(good.parity, bad.parity, headBytes, m);
  return lost;
}

describe.for([1, 2] as const)("with %i parity blocks a stripe", (m) => {
  const encoded = async () =>
    Buffer.concat(await encodeParity(bytesSource(pack), { packId, hash, k, m, blockBytes }));

  test.for(Object.entries(strikes))(
    "%s anywhere is repaired byte for byte up to that many lost blocks, else refused",
    async ([, strike]) => {
      const random = seededRandom(m);
      const good = { pack, parity: await encoded() };
      const { headBytes } = (await parseParity(bytesSource(good.parity), hash)).counts;
      const outcomes = { repaired: 0, refused: 0 };
      for (let round = 0; round < 150; round++) {
        const bad: Bytes = { ...good };
        for (let hits = 1 + Math.floor(random() * (2 + 2 * m)); hits > 0; hits--)
          if (random() < 0.8) bad.pack = strike(bad.pack, Math.floor(random() * bad.pack.length), random);
          else {
            const room = Math.max(0, bad.parity.length - headBytes);
            bad.parity = strike(
              bad.parity,
              Math.min(bad.parity.length - 1, 4096 + headBytes + Math.floor(random() * room)),
              random,
            );
          }
        const lost = lostPerStripe(m, headBytes, good, bad);
        const parity = await parseParity(bytesSource(bad.parity), hash);
        const result = await repairPack(bytesSource(bad.pack), parity, { packId, hash }).catch(
          (fault: Fault) => fault,
        );
        if (lost.every((count) => count <= m)) {
          expect(result, `round ${round}`).not.toBeInstanceOf(Fault);
          expect(Buffer.compare(Buffer.concat((result as { parts: Uint8Array[] }).parts), pack)).toBe(0);
          outcomes.repaired++;
        } else if (result instanceof Fault) {
          expect(result.code).toBe("snapshot-corrupt");
          outcomes.refused++;
        } else expect(Buffer.compare(Buffer.concat(result.parts), pack)).toBe(0);
      }
      expect(outcomes.repaired).toBeGreaterThan(5);
      expect(outcomes.refused).toBeGreaterThan(5);
    },
  );
});

test("one changed byte anywhere is found in its block and comes back", async () => {
  const parity = await parseParity(
    bytesSource(Buffer.concat(await encodeParity(bytesSource(pack), { packId, hash, k, blockBytes }))),
    hash,
  );
  for (let at = 0; at < pack.length; at += 4093) {
    const source = bytesSource(pack.with(at, (pack[at] ?? 0) ^ 0x80));
    expect((await findDamage(source, parity, hash)).data).toEqual([Math.floor(at / blockBytes)]);
    const { parts } = await repairPack(source, parity, { packId, hash });
    expect(Buffer.compare(Buffer.concat(parts), pack)).toBe(0);
  }
});

test("a pack that grew is cut, a sector that does not read is a lost block, a storage that does not answer is no damage", async () => {
  const parity = await parseParity(
    bytesSource(Buffer.concat(await encodeParity(bytesSource(pack), { packId, hash, k, blockBytes }))),
    hash,
  );
  const longer = await repairPack(bytesSource(Buffer.concat([pack, Buffer.alloc(9)])), parity, {
    packId,
    hash,
  });
  expect(longer.damage).toEqual({ data: [], parity: [], surplusBytes: 9 });
  expect(Buffer.compare(Buffer.concat(longer.parts), pack)).toBe(0);
  const failing = (code: "storage-failed" | "upstream-unreachable"): ByteSource => ({
    size: pack.length,
    async read(position, length) {
      if (position <= 40_000 && position + length > 40_000) throw new Fault(code, "a read that fails");
      return pack.subarray(position, position + length);
    },
  });
  const { damage, parts } = await repairPack(failing("storage-failed"), parity, { packId, hash });
  expect(damage.data).toEqual([2]);
  expect(Buffer.compare(Buffer.concat(parts), pack)).toBe(0);
  await expect(repairPack(failing("upstream-unreachable"), parity, { packId, hash })).rejects.toMatchObject({
    code: "upstream-unreachable",
  });
});

test("what is too much is told by stripe and block, and the parity of another pack is not used", async () => {
  const parity = await parseParity(
    bytesSource(Buffer.concat(await encodeParity(bytesSource(pack), { packId, hash, k, blockBytes }))),
    hash,
  );
  const wrong = pack.map((byte, at) => ([0, 2, 9].includes(Math.floor(at / blockBytes)) ? byte ^ 255 : byte));
  await expect(repairPack(bytesSource(wrong), parity, { packId, hash })).rejects.toThrow(
    "1 a stripe: 2 of stripe 0 (0, 2)",
  );
  await expect(repairPack(bytesSource(pack), parity, { packId: "ab".repeat(32), hash })).rejects.toThrow(
    /the parity is of pack/,
  );
});

test("a parity file whose hashes were made to fit other bytes repairs nothing", async () => {
  const other = pack.with(70_000, (pack[70_000] ?? 0) ^ 1);
  const otherId = Buffer.from(digestOf(hash, [other])).toString("hex");
  const forged = Buffer.concat(
    await encodeParity(bytesSource(other), { packId: otherId, hash, k, blockBytes }),
  );
  const hashed = 52 + 32 * (blocks + Math.ceil(blocks / k));
  forged.write(packId, 20, "hex");
  forged.set(digestOf(hash, [forged.subarray(0, hashed)]), hashed);
  const parity = await parseParity(bytesSource(forged), hash);
  await expect(repairPack(bytesSource(pack), parity, { packId, hash })).rejects.toThrow(/were not used/);
});
