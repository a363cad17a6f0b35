import type { Datatype, Tensor } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkInput } from "./check-input.ts";

const metadata = {
  inputs: [
    { name: "image", datatype: "FP32" as const, shape: [-1, 2, 3] },
    { name: "label", datatype: "INT8" as const, shape: [1] },
  ],
};
const image = (changes: Partial<Tensor> = {}): Tensor => ({
  name: "image",
  datatype: "FP32",
  shape: [2, 2, 3],
  data: new Float32Array(12),
  ...changes,
});
const label = (changes: Partial<Tensor> = {}): Tensor => ({
  name: "label",
  datatype: "INT8",
  shape: [1],
  data: [7],
  ...changes,
});

test("a request as the model wants it breaks no rule", () => {
  expect(checkInput({ inputs: [image(), label()], bytes: 100 }, metadata)).toEqual([]);
  expect(checkInput({ inputs: [label(), image({ shape: [0, 2, 3], data: [] })] }, metadata)).toEqual([]);
});

const cases: [string, Tensor[], string, string | null, string][] = [
  ["an unknown name", [image(), label(), image({ name: "secret" })], "name", null, "does not have"],
  ["no input at all", [], "name", "label", "missing"],
  ["an input twice", [image(), label(), label()], "name", "label", "more than once"],
  [
    "another datatype",
    [image({ datatype: "FP64" }), label()],
    "datatype",
    "image",
    "expected FP32, found FP64",
  ],
  [
    "a wrong size",
    [image({ shape: [2, 3, 2] }), label()],
    "shape",
    "image",
    "expected [-1, 2, 3], found [2, 3, 2]",
  ],
  ["a missing dimension", [image({ shape: [12] }), label()], "shape", "image", "found [12]"],
  ["a negative size", [image({ shape: [-1, 2, 3] }), label()], "shape", "image", "found [-1, 2, 3]"],
  ["a fraction as size", [image({ shape: [2.5, 2, 3] }), label()], "shape", "image", "found [2.5"],
  [
    "a truncated tensor",
    [image({ data: new Float32Array(11) }), label()],
    "count",
    "image",
    "expected 12 elements",
  ],
  [
    "a size beyond all numbers",
    [image({ shape: [1e300, 2, 3] }), label()],
    "shape",
    "image",
    "found [1e+300",
  ],
  [
    "not a number",
    [image({ data: new Float32Array(12).fill(Number.NaN, 5) }), label()],
    "finite",
    "image",
    "element 5",
  ],
  [
    "infinity",
    [image({ data: Array(12).fill(Number.NEGATIVE_INFINITY) }), label()],
    "finite",
    "image",
    "element 0",
  ],
  ["a text among numbers", [image({ data: [..."secretsecret"] }), label()], "datatype", "image", "a string"],
  ["a value outside of its type", [image(), label({ data: [128] })], "datatype", "label", "outside of INT8"],
  ["a fraction in a whole type", [image(), label({ data: [1.5] })], "datatype", "label", "outside of INT8"],
];

describe("each broken rule is named:", () => {
  test.each(cases)("%s", (_, inputs, rule, tensor, detail) => {
    expect(checkInput({ inputs }, metadata)).toContainEqual({
      rule,
      tensor,
      detail: expect.stringContaining(detail),
    });
  });
});

test("one of several inputs may be missing: metadata does not say which are optional", () => {
  expect(checkInput({ inputs: [image()] }, metadata)).toEqual([]);
});

test("a body over its limit is one finding and is not looked at further", () => {
  const findings = checkInput({ inputs: [image({ shape: [9] })], bytes: 1001 }, metadata, { bytesMax: 1000 });
  expect(findings).toEqual([
    { rule: "size", tensor: null, detail: "expected at most 1000 bytes, found 1001" },
  ]);
});

test("a model whose metadata lists no inputs, or no shape, is not judged on them", () => {
  expect(checkInput({ inputs: [image()] }, { inputs: [] })).toEqual([]);
  const shapeless = { inputs: [{ name: "image", datatype: "FP32" as const, shape: [] }] };
  expect(checkInput({ inputs: [image()] }, shapeless)).toEqual([]);
});

test("a batch in front of what the metadata says is free, two dimensions are not", () => {
  const inputs = [{ name: "x", datatype: "FP32" as const, shape: [3] }];
  const x = (shape: number[]): Tensor => ({ name: "x", datatype: "FP32", shape, data: new Float32Array(6) });
  expect(checkInput({ inputs: [x([2, 3])] }, { inputs })).toEqual([]);
  expect(checkInput({ inputs: [x([1, 2, 3])] }, { inputs })).toMatchObject([{ rule: "shape" }]);
});

test("a request with thousands of faults gives a few findings, short ones", () => {
  const inputs = Array.from({ length: 200 }, (_, index) => image({ name: `x${index}`.repeat(500) }));
  expect(checkInput({ inputs }, metadata)).toHaveLength(16);
  expect(checkInput({ inputs: Array(5000).fill(image()) }, metadata)).toHaveLength(1);
  const deep = checkInput({ inputs: [image({ shape: Array(10_000).fill(1) }), label()] }, metadata);
  expect(deep.map(({ rule }) => rule)).toContain("shape");
  for (const { detail } of deep) expect(detail.length).toBeLessThan(200);
});

const datatypes: Datatype[] = ["BOOL", "UINT8", "INT32", "INT64", "FP16", "FP32", "BYTES"];
const element: Record<string, fc.Arbitrary<number | string | boolean>> = {
  BOOL: fc.boolean(),
  UINT8: fc.integer({ min: 0, max: 255 }),
  INT32: fc.integer(),
  INT64: fc.maxSafeInteger(),
  FP16: fc.double({ noNaN: true, noDefaultInfinity: true }),
  FP32: fc.float({ noNaN: true, noDefaultInfinity: true }),
  BYTES: fc.string(),
};

/** A model's input and a tensor that fits it. */
const fitting = fc
  .record({
    name: fc.string({ minLength: 1, maxLength: 20 }),
    datatype: fc.constantFrom(...datatypes),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 }),
    free: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  })
  .chain(({ name, datatype, shape, free }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return fc
      .array(element[datatype] ?? fc.boolean(), { minLength: count, maxLength: count })
      .map((data) => ({
        spec: { name, datatype, shape: shape.map((size, index) => (free[index] ? -1 : size)) },
        tensor: { name, datatype, shape, data } satisfies Tensor,
      }));
  });

test("whatever fits breaks no rule; one element less breaks the count", () => {
  fc.assert(
    fc.property(fitting, ({ spec, tensor }) => {
      expect(checkInput({ inputs: [tensor] }, { inputs: [spec] })).toEqual([]);
      if (tensor.data.length === 0) return;
      const cut = { ...tensor, data: tensor.data.slice(1) };
      expect(checkInput({ inputs: [cut] }, { inputs: [spec] })).toMatchObject([{ rule: "count" }]);
    }),
  );
});

test("any tensor gets findings, never an exception, and no finding shows a value or a name of the client", () => {
  const secret = fc.stringMatching(/^[A-Z]{12}$/);
  const strange = fc.record({
    name: secret,
    datatype: fc.constantFrom(...datatypes),
    shape: fc.array(fc.oneof(fc.integer(), fc.double()), { maxLength: 5 }),
    data: fc.array(fc.oneof(secret, fc.constant(Number.NaN), fc.boolean(), fc.constant(987_654_321.125))),
  });
  fc.assert(
    fc.property(fc.array(strange, { maxLength: 4 }), fc.nat(1), (tensors, known) => {
      const inputs = tensors.map((tensor, index) => (index < known ? { ...tensor, name: "image" } : tensor));
      const text = JSON.stringify(checkInput({ inputs }, metadata));
      expect(text).not.toMatch(/[A-Z]{12}|987654321/);
    }),
  );
});
