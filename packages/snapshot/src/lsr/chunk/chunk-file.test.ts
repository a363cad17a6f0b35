import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { limits } from "../limits.ts";
import { safetensorsFile } from "../testing/model-files.ts";
import { sealing, seededBytes } from "../testing/rig.ts";
import { chunkFile } from "./chunk-file.ts";
import { cutTensors } from "./cut-tensors.ts";
import { gearTable } from "./gear.ts";
import { mapTensors } from "./map-tensors.ts";
import type { Tensor } from "./tensor.ts";

const table = gearTable(sealing.idKey, sealing.repositoryId);
const MiB = 1 << 20;

async function chunksOf(bytes: Uint8Array, tensors: readonly Tensor[] = []): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for await (const chunk of chunkFile(bytesSource(bytes), { tensors, table })) {
    expect(chunk.start).toBe(at);
    chunks.push(chunk.bytes);
    at += chunk.bytes.length;
  }
  expect(at).toBe(bytes.length);
  return chunks;
}

const added = (before: readonly Uint8Array[], after: readonly Uint8Array[]): Uint8Array[] => {
  const known = new Set(before.map((chunk) => Buffer.from(chunk).toString("latin1")));
  return after.filter((chunk) => !known.has(Buffer.from(chunk).toString("latin1")));
};

describe("by content", () => {
  test("chunks are the file, between 64 KiB and 1 MiB", async () => {
    const bytes = seededBytes(4)(6 * MiB);
    const chunks = await chunksOf(bytes);
    expect(Buffer.compare(Buffer.concat(chunks), bytes)).toBe(0);
    for (const { length } of chunks.slice(0, -1))
      expect(length >= limits.smallTensor && length <= MiB).toBe(true);
    expect(chunks.length).toBeGreaterThan(10);
  });

  test("bytes put in near the start change the chunks there and no others", async () => {
    const bytes = seededBytes(4)(6 * MiB);
    const before = await chunksOf(bytes);
    const after = await chunksOf(
      Buffer.concat([bytes.subarray(0, 1000), Buffer.from("inserted"), bytes.subarray(1000)]),
    );
    expect(added(before, after).length).toBeLessThanOrEqual(3);
  });

  test("another repository cuts elsewhere", async () => {
    const bytes = seededBytes(4)(3 * MiB);
    const other = gearTable(seededBytes(9)(32), sealing.repositoryId);
    const lengths: number[] = [];
    for await (const chunk of chunkFile(bytesSource(bytes), { tensors: [], table: other }))
      lengths.push(chunk.bytes.length);
    expect(lengths).not.toEqual((await chunksOf(bytes)).map(({ length }) => length));
  });

  test("constant bytes, and files shorter than a chunk", async () => {
    expect((await chunksOf(new Uint8Array(3 * MiB))).length).toBeGreaterThanOrEqual(3);
    for (const length of [0, 1, 65535, 65536, 65537])
      expect(await chunksOf(new Uint8Array(length))).toHaveLength(length ? 1 : 0);
  });
});

describe("by tensors", () => {
  test("pieces cover every file without holes, and large tensors begin pieces of their own", () => {
    const gap = fc.nat({ max: 200_000 });
    const layout = fc.array(fc.record({ gap, length: fc.integer({ min: 1, max: 3 * MiB }) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(layout, gap, (parts, tail) => {
        let size = 0;
        const tensors = parts.map(({ gap, length }, place): Tensor => {
          const start = size + gap;
          size = start + length;
          return { name: String(place), dtype: "bf16", shape: [], start, length };
        });
        const pieces = [...cutTensors(size + tail, tensors)];
        let at = 0;
        for (const { start, length } of pieces) {
          expect(start).toBe(at);
          expect(length > 0 && length <= MiB).toBe(true);
          at += length;
        }
        expect(at).toBe(size + tail);
        const starts = new Set(pieces.map(({ start }) => start));
        for (const { start, length } of tensors)
          if (length >= limits.smallTensor)
            expect((starts.has(start) && starts.has(start + length)) || start + length === size + tail).toBe(
              true,
            );
      }),
    );
  });

  test("a longer header costs one chunk, a changed layer its own", async () => {
    const layers = ["q", "k", "v", "norm"].map((name, place) => ({
      name,
      bytes: seededBytes(place)(place === 3 ? 100 : MiB + 7777),
    }));
    const chunk = async (file: Uint8Array) => {
      const found = (await mapTensors([{ path: "m.safetensors", source: bytesSource(file) }])).get(
        "m.safetensors",
      );
      expect(found?.parser).toBe("safetensors");
      return chunksOf(file, found?.tensors);
    };
    const before = await chunk(safetensorsFile(layers));
    expect(added(before, await chunk(safetensorsFile(layers, "BF16", "a much longer note")))).toHaveLength(1);
    const tuned = layers.map((layer) =>
      layer.name === "k" ? { ...layer, bytes: layer.bytes.with(3, 1).with(4, 2) } : layer,
    );
    const changed = added(before, await chunk(safetensorsFile(tuned)));
    expect(changed.map(({ length }) => length)).toEqual([MiB]);
  });
});
