import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import {
  ggufFile,
  type NamedBytes,
  onnxFile,
  safetensorsFile,
  torchZip,
  variablesIndex,
} from "../testing/model-files.ts";
import { seededBytes } from "../testing/rig.ts";
import { type FileTensors, mapTensors } from "./map-tensors.ts";
import { parseShardIndex } from "./parse-shard-index.ts";

const some = (names: readonly string[]): NamedBytes[] =>
  names.map((name, place) => ({ name, bytes: seededBytes(place + 1)(100 + 37 * place) }));
const tensors = some(["m/data/0", "m/data/1", "m/data/10"]);
const joined = Buffer.concat(tensors.map(({ bytes }) => bytes));

const files: Record<string, Record<string, Uint8Array>> = {
  safetensors: { "a/model.safetensors": safetensorsFile(tensors) },
  gguf: { "model.gguf": ggufFile(tensors) },
  torch: { "pytorch_model.bin": torchZip(tensors) },
  onnx: { "1/model.onnx": onnxFile(tensors, [], "") },
  savedmodel: {
    "variables/variables.index": variablesIndex(tensors),
    "variables/variables.data-00000-of-00001": joined,
  },
};
const map = (tree: Record<string, Uint8Array>) =>
  mapTensors(Object.entries(tree).map(([path, bytes]) => ({ path, source: bytesSource(bytes) })));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

describe.for(Object.entries(files))("%s", ([parser, tree]) => {
  const target =
    parser === "savedmodel" ? "variables/variables.data-00000-of-00001" : (Object.keys(tree)[0] ?? "");
  const bytes = tree[target] ?? new Uint8Array();

  test("every tensor is found where its bytes are", async () => {
    const found = (await map(tree)).get(target);
    expect(found?.parser).toBe(parser);
    const sorted = found?.tensors.toSorted((a, b) => a.name.localeCompare(b.name)) ?? [];
    expect(sorted.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name));
    for (const [place, { start, length }] of sorted.entries()) {
      const wanted = tensors[place]?.bytes ?? new Uint8Array();
      // GGUF tensors reach to the next one, padding included.
      if (parser !== "gguf") expect(length).toBe(wanted.length);
      expect(text(bytes.subarray(start, start + wanted.length))).toBe(text(wanted));
    }
  });

  test("changed, cut short, or any bytes: tensors inside the file or a fallback, never a failure", async () => {
    const [path = "", whole = new Uint8Array()] = Object.entries(tree)[0] ?? [];
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.nat({ max: whole.length - 1 }).map((length) => whole.subarray(0, length)),
      fc
        .array(fc.tuple(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 })), {
          minLength: 1,
          maxLength: 6,
        })
        .map((edits) => edits.reduce((bytes, [at, byte]) => bytes.with(at, byte), Uint8Array.from(whole))),
      fc
        .tuple(fc.nat({ max: 64 }), fc.uint8Array({ maxLength: 64 }))
        .map(([length, rest]) => Buffer.concat([whole.subarray(0, length), rest])),
    );
    const parsers = new Set<string>();
    await fc.assert(
      fc.asyncProperty(hostile, async (hostileBytes) => {
        const hostileTree = { ...tree, [path]: hostileBytes };
        for (const [name, found] of await map(hostileTree)) {
          parsers.add(found.parser);
          expectInside(found, hostileTree[name]?.length ?? 0);
        }
      }),
      { numRuns: 600 },
    );
    expect(parsers).toContain("fallback");
  });
});

test("external data of ONNX is mapped in the file that holds it, and nowhere outside the model", async () => {
  const tree = { "m/model.onnx": onnxFile([], tensors, "weights.bin.data"), "m/weights.bin.data": joined };
  const found = await map(tree);
  expect(found.get("m/weights.bin.data")?.tensors.map(({ start }) => start)).toEqual([0, 100, 237]);
  expect(found.get("m/weights.bin.data")?.tensors[0]?.dtype).toBe("bf16");
  const outside = await map({
    "m/model.onnx": onnxFile([], tensors, "../../etc/passwd"),
    "m/weights.bin.data": joined,
  });
  expect([...outside.keys()].toSorted()).toEqual(["m/model.onnx", "m/weights.bin.data"]);
  expect(outside.get("m/weights.bin.data")?.parser).toBe("content");
});

test("tied weights, one place under two names, count once", async () => {
  const header = Buffer.from(
    JSON.stringify({
      a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
      b: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
    }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const found = await map({ "m.safetensors": Buffer.concat([length, header, new Uint8Array(8)]) });
  expect(found.get("m.safetensors")?.tensors).toHaveLength(1);
});

test("a header that announces terabytes takes no memory", async () => {
  const huge = Buffer.alloc(64);
  huge.writeBigUInt64LE(2n ** 62n);
  for (const path of ["x.safetensors", "x.gguf", "x.onnx", "x.pt", "variables.index"])
    expect((await map({ [path]: huge })).get(path)?.parser).toBe("fallback");
  const gguf = Buffer.concat([Buffer.from("GGUF\x03\0\0\0"), Buffer.alloc(16, 0xff)]);
  expect((await map({ "x.gguf": gguf })).get("x.gguf")?.parser).toBe("fallback");
});

test("an error of the disk is not taken for a bad format", async () => {
  const source = {
    size: 100,
    read: async () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO" })),
  };
  await expect(mapTensors([{ path: "m.safetensors", source }])).rejects.toMatchObject({ code: "EIO" });
});

test("a shard index names shards beside it only", () => {
  const index = {
    metadata: { total_size: 1 },
    weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" },
  };
  expect([...parseShardIndex(JSON.stringify(index))]).toEqual(Object.entries(index.weight_map));
  for (const file of ["../x", "/x", "a\\b", ".."])
    expect(() => parseShardIndex(JSON.stringify({ weight_map: { a: file } }))).toThrow(/a shard named/);
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        expect(parseShardIndex(text)).toBeInstanceOf(Map);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});

function expectInside({ tensors }: FileTensors, size: number): void {
  let end = 0;
  for (const { start, length } of tensors) {
    expect(start >= end && length > 0 && start + length <= size).toBe(true);
    end = start + length;
  }
}
