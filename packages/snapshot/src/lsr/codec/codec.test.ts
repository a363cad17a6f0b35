import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../testing/random.ts";
import { kernels, places } from "../kernels/kernels.ts";
import { floatBytes } from "../testing/float-bytes.ts";
import { referenceDecode } from "../testing/reference-decode.ts";
import { choosePlan, sampleRanges } from "./choose-plan.ts";
import { codecId } from "./codec-id.ts";
import { decodeChunk } from "./decode-chunk.ts";
import { decodePlanes } from "./decode-planes.ts";
import { encodeChunk, type Plan } from "./encode-chunk.ts";
import { encodePlanes } from "./encode-planes.ts";
import { huffmanFrom, huffmanInto } from "./huffman.ts";
import { huffmanLengths } from "./huffman-lengths.ts";

const plan: fc.Arbitrary<Plan> = fc.oneof(
  fc.constant<Plan>({ kind: "raw" }),
  fc.constant<Plan>({ kind: "zstd" }),
  fc.record({
    kind: fc.constant("planes" as const),
    mode: fc.record({ width: fc.constantFrom(1, 2, 4, 8), isRotated: fc.boolean() }),
  }),
);
/** Bytes of few values and of many, in runs and not: what planes are made of. */
const skewed = fc
  .record({
    seed: fc.integer(),
    length: fc.nat({ max: 6000 }),
    symbols: fc.integer({ min: 1, max: 256 }),
    bend: fc.constantFrom(1, 2, 6),
  })
  .map(({ seed, length, symbols, bend }) => {
    const random = seededRandom(seed);
    return Uint8Array.from({ length }, () => random() ** bend * symbols);
  });
const chunk = fc.oneof(skewed, fc.uint8Array({ maxLength: 300 }));

describe("a chunk comes back", () => {
  test("from every codec, and the slow reference agrees", () => {
    fc.assert(
      fc.property(chunk, plan, (plain, plan) => {
        const { codec, bytes } = encodeChunk(plain, plan);
        expect(bytes.length).toBeLessThanOrEqual(plain.length);
        const decoded = decodeChunk({ codec, bytes, length: plain.length });
        expect(Buffer.compare(decoded, plain)).toBe(0);
        expect(Buffer.compare(referenceDecode(codec, bytes, plain.length), plain)).toBe(0);
      }),
    );
  });

  test("as a delta against its base, wherever in memory the two lie", () => {
    const seen = new Set<number>();
    fc.assert(
      fc.property(chunk, plan, fc.nat({ max: 7 }), fc.integer(), (base, plan, shift, seed) => {
        const random = seededRandom(seed);
        const buffer = new Uint8Array(base.length + shift);
        const plain = buffer.subarray(shift);
        plain.set(base.map((byte) => (random() < 0.02 ? byte ^ 1 : byte)));
        const { codec, bytes } = encodeChunk(plain, plan, base);
        seen.add(codec);
        const decoded = decodeChunk({ codec, bytes, length: plain.length, base });
        expect(Buffer.compare(decoded, plain)).toBe(0);
        expect(Buffer.compare(referenceDecode(codec, bytes, plain.length, base), plain)).toBe(0);
      }),
    );
    expect(seen).toContain(codecId.delta);
  });

  test("of a plane that is long enough to be counted in part, whatever lies in the other parts", () => {
    const bytes = fc.nat({ max: 255 });
    const pattern = fc.array(bytes, { minLength: 1, maxLength: 9 });
    const strays = fc.array(fc.tuple(fc.nat({ max: 65_000 }), bytes), { maxLength: 12 });
    fc.assert(
      fc.property(pattern, strays, fc.nat({ max: 5000 }), (pattern, strays, more) => {
        const plain = new Uint8Array((64 << 10) + more).map((_, n) => pattern[n % pattern.length] ?? 0);
        for (const [at, byte] of strays) plain[at] = byte;
        const encoded = encodePlanes(plain, { width: 1, isRotated: false });
        expect(Buffer.compare(decodePlanes(encoded, plain.length), plain)).toBe(0);
        expect(Buffer.compare(referenceDecode(codecId.planes, encoded, plain.length), plain)).toBe(0);
      }),
    );
  });

  test.for(["bf16", "f16", "f32", "f64"] as const)("as %s weights, smaller by planes", (dtype) => {
    const plain = floatBytes({ dtype, count: 40_000, seed: 1 });
    const plan = choosePlan([plain], dtype);
    expect(plan.kind).toBe("planes");
    const { codec, bytes } = encodeChunk(plain, plan);
    expect(codec).toBe(codecId.planes);
    expect(bytes.length).toBeLessThan(plain.length);
    expect(Buffer.compare(decodeChunk({ codec, bytes, length: plain.length }), plain)).toBe(0);
  });
});

describe("hostile bytes", () => {
  test("decode to the announced length or are refused with snapshot-corrupt", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 6 }),
        fc.uint8Array({ maxLength: 400 }),
        fc.nat({ max: 3000 }),
        (codec, bytes, length) => {
          expectLengthOrFault({ codec, bytes, length, base: new Uint8Array(length) });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("that were good before one was changed, cut or added", () => {
    fc.assert(
      fc.property(
        chunk,
        plan,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.nat({ max: 2 }),
        (plain, plan, at, flip, act) => {
          const { codec, bytes } = encodeChunk(plain, plan);
          const other = act === 2 ? Uint8Array.from([...bytes, flip]) : Uint8Array.from(bytes);
          const place = at % Math.max(1, other.length);
          if (act === 0) other[place] = (other[place] ?? 0) ^ flip;
          expectLengthOrFault({
            codec,
            bytes: act === 1 ? other.subarray(0, place) : other,
            length: plain.length,
          });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("a zstd frame that grows without end is stopped at the announced length", () => {
    const bomb = encodeChunk(new Uint8Array(1 << 20).fill(7).with(5, 6), { kind: "zstd" });
    expect(bomb.codec).toBe(codecId.zstd);
    expect(() => decodeChunk({ ...bomb, length: 1000 })).toThrow(/does not decode/);
  });

  test("a delta inside a delta", () => {
    const bytes = Uint8Array.of(codecId.delta, 0);
    expect(() => decodeChunk({ codec: codecId.delta, bytes, length: 1, base: new Uint8Array(1) })).toThrow(
      /delta/,
    );
  });
});

describe("Huffman", () => {
  test("code lengths are a complete code of at most 12 bits, however uneven the counts", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 ** 31 }), { minLength: 2, maxLength: 256 }), (counts) => {
        const lengths = huffmanLengths(Uint32Array.from({ length: 256 }, (_, i) => counts[i] ?? 0));
        const used = [...lengths].filter((length) => length > 0);
        expect(used.length).toBe(counts.filter((count) => count > 0).length);
        const kraft = used.reduce((sum, length) => sum + 2 ** -length, 0);
        if (used.length > 1) expect(kraft).toBe(1);
        expect(Math.max(0, ...used)).toBeLessThanOrEqual(12);
      }),
    );
  });

  test("Fibonacci counts, which want codes longer than are allowed", () => {
    const counts = [1, 1];
    while (counts.length < 30) counts.push((counts.at(-1) ?? 0) + (counts.at(-2) ?? 0));
    const lengths = huffmanLengths(Uint32Array.from({ length: 256 }, (_, i) => counts[i] ?? 0));
    expect(Math.max(...lengths)).toBe(12);
    const plane = Uint8Array.from({ length: 5000 }, (_, i) => i % 30);
    expect(Buffer.compare(throughHuffman(plane, lengths), plane)).toBe(0);
  });

  test("a plane of one symbol, and planes shorter than there are streams", () => {
    for (const plane of [
      new Uint8Array(9).fill(3),
      Uint8Array.of(1),
      Uint8Array.of(1, 2, 3),
      Uint8Array.of(0, 1),
    ])
      expect([...throughHuffman(plane, huffmanLengths(countsOf(plane)))]).toEqual([...plane]);
  });
});

test("samples lie inside their tensor", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 40 }), (length) => {
      for (const range of sampleRanges(length)) {
        expect(range.start % 8 === 0 && range.start >= 0).toBe(true);
        expect(range.start + range.length).toBeLessThanOrEqual(length);
      }
    }),
  );
});

function expectLengthOrFault(encoding: Parameters<typeof decodeChunk>[0]): void {
  try {
    expect(decodeChunk(encoding)).toHaveLength(encoding.length);
  } catch (error) {
    expect(error).toMatchObject({ code: "snapshot-corrupt" });
  }
}

function countsOf(plane: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  for (const symbol of plane) counts[symbol] = (counts[symbol] ?? 0) + 1;
  return counts;
}

function throughHuffman(plane: Uint8Array, lengths: Uint8Array): Uint8Array {
  const { bytes } = kernels();
  bytes.set(plane, places.planes);
  const count = plane.length;
  const end = huffmanInto({ plane: places.planes, count, at: places.output, lengths });
  bytes.fill(0xee, places.planes, places.planes + count);
  huffmanFrom({ at: places.output, size: end - places.output, plane: places.planes, count });
  return bytes.slice(places.planes, places.planes + count);
}
