import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gearCut } from "../chunk/gear.ts";
import { decodePlanes } from "../codec/decode-planes.ts";
import { encodePlanes } from "../codec/encode-planes.ts";
import { xor } from "../codec/xor.ts";
import { floatBytes } from "../testing/float-bytes.ts";
import { referenceDecode } from "../testing/reference-decode.ts";
import { kernels, places } from "./kernels.ts";

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url));

test("the module is what its source compiles to", async () => {
  const folder = await mkdtemp(join(tmpdir(), "locum-kernels-"));
  try {
    const target = join(folder, "kernels-wasm.ts");
    await promisify(execFile)(process.execPath, [at("../../../kernels/build.mjs"), target]);
    expect(await readFile(target, "utf8")).toBe(await readFile(at("kernels-wasm.ts"), "utf8"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

const modes = [
  { width: 1, isRotated: false },
  { width: 2, isRotated: true },
  { width: 2, isRotated: false },
  { width: 4, isRotated: true },
  { width: 4, isRotated: false },
  { width: 8, isRotated: true },
  { width: 8, isRotated: false },
] as const;

describe.for(modes)("planes of width $width, rotated $isRotated", (mode) => {
  test("bytes of any kind and length come back, by the kernels and by the slow decoder", () => {
    const few = fc.uint8Array({ max: 5, maxLength: 9000 });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), few), (plain) => {
        const encoded = encodePlanes(plain, mode);
        expect(Buffer.compare(decodePlanes(encoded, plain.length), plain)).toBe(0);
        expect(Buffer.compare(referenceDecode(2, encoded, plain.length), plain)).toBe(0);
      }),
    );
  });

  test("so do a whole chunk of weights, and all but some bytes of one", () => {
    for (const count of [1 << 18, (1 << 18) - 7, 33]) {
      const plain = floatBytes({ dtype: "f32", count, seed: count }).subarray(count % 3);
      const encoded = encodePlanes(plain, mode);
      expect(Buffer.compare(decodePlanes(encoded, plain.length), plain)).toBe(0);
    }
  });
});

test("xor is that of each byte", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (left, seed) => {
      const right = left.map((byte, n) => (byte + seed + 7 * n) & 255);
      expect([...xor(left, right)]).toEqual([...left].map((byte, n) => byte ^ (right[n] ?? 0)));
    }),
  );
});

test("the range of bytes is that of each byte", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 100 }), (plane) => {
      const { bytes, range256 } = kernels();
      bytes.set(plane, places.planes);
      const range = range256(places.planes, plane.length, places.counts);
      expect([range & 255, range >> 8]).toEqual([Math.min(...plane), Math.max(...plane)]);
    }),
  );
});

/** Section 6 of the format, as it is written there. */
function slowCut(bytes: Uint8Array, table: Uint32Array): number {
  const end = Math.min(bytes.length, 1 << 20);
  if (end <= 64 << 10) return end;
  let hash = 0;
  for (let n = (64 << 10) - 32; n < end; n++) {
    hash = ((hash << 1) + (table[bytes[n] ?? 0] ?? 0)) >>> 0;
    if (n < 64 << 10) continue;
    const bits = n < 256 << 10 ? 20 : 16;
    if (hash >>> (32 - bits) === 0) return n + 1;
  }
  return end;
}

test("content is cut where the format says", () => {
  const table = Uint32Array.from({ length: 256 }, (_, n) => Math.imul(n + 1, 0x9e3779b1) >>> 0);
  fc.assert(
    fc.property(fc.nat({ max: 1_200_000 }), fc.nat(), (length, seed) => {
      const bytes = floatBytes({ dtype: "f32", count: (length >> 2) + 1, seed }).subarray(0, length);
      expect(gearCut(bytes, table)).toBe(slowCut(bytes, table));
    }),
    { numRuns: 30 },
  );
});

/** Russian peasants, modulo 0x11d. */
function slowProduct(left: number, right: number): number {
  let [a, b, product] = [left, right, 0];
  for (; b > 0; b >>= 1, a = a & 0x80 ? (a << 1) ^ 0x11d : a << 1) if (b & 1) product ^= a;
  return product;
}

test("a multiple is added in GF(2^8) modulo 0x11d", () => {
  const { bytes, gfMulAdd } = kernels();
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: 255 }),
      (source, factor, before) => {
        bytes.set(source, places.input);
        bytes.fill(before, places.output, places.output + 64);
        for (let half = 0; half < 16; half++) {
          bytes[places.products + half] = slowProduct(factor, half);
          bytes[places.products + 16 + half] = slowProduct(factor, half << 4);
        }
        gfMulAdd(places.input, places.output, 64, places.products);
        const expected = [...source].map((byte) => before ^ slowProduct(factor, byte));
        expect([...bytes.subarray(places.output, places.output + 64)]).toEqual(expected);
      },
    ),
  );
});
