import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { tensorsOfJson } from "./tensors-of-json.ts";

const plain = (name: string, value: unknown) =>
  tensorsOfJson(name, value).map(({ data, ...head }) => ({ ...head, data: Array.from(data) }));

test.for([
  ["a number", 2, [{ name: "y", datatype: "FP64", shape: [], data: [2] }]],
  [
    "rows",
    [
      [1, 2],
      [3, 4],
      [5, 6],
    ],
    [{ name: "y", datatype: "FP64", shape: [3, 2], data: [1, 2, 3, 4, 5, 6] }],
  ],
  ["nothing", [], [{ name: "y", datatype: "FP64", shape: [0], data: [] }]],
  ["truth values", [true, false], [{ name: "y", datatype: "BOOL", shape: [2], data: [true, false] }]],
  ["texts", [["a"], ["b"]], [{ name: "y", datatype: "BYTES", shape: [2, 1], data: ["a", "b"] }]],
  ["bytes of TF Serving", [{ b64: "AAE=" }], [{ name: "y", datatype: "BYTES", shape: [1], data: ["AAE="] }]],
  ["null among numbers", [1, null], [{ name: "y", datatype: "FP64", shape: [2], data: [1, Number.NaN] }]],
  ["nothing but null", [[null]], [{ name: "y", datatype: "FP64", shape: [1, 1], data: [Number.NaN] }]],
  ["a key without a value", { a: null }, [{ name: "y.a", datatype: "BYTES", shape: [], data: ["null"] }]],
  [
    "words for no number",
    ["NaN", "-Infinity", 0],
    [{ name: "y", datatype: "FP64", shape: [3], data: [Number.NaN, Number.NEGATIVE_INFINITY, 0] }],
  ],
  [
    "rows of named outputs",
    [
      { label: "cat", p: [0.1, 0.9] },
      { p: [0.2, 0.8], label: "dog" },
    ],
    [
      { name: "y.label", datatype: "BYTES", shape: [2], data: ["cat", "dog"] },
      { name: "y.p", datatype: "FP64", shape: [2, 2], data: [0.1, 0.9, 0.2, 0.8] },
    ],
  ],
  [
    "objects of several kinds",
    [{ cat: 1 }, { dog: 2 }],
    [
      { name: "y.0.cat", datatype: "FP64", shape: [], data: [1] },
      { name: "y.1.dog", datatype: "FP64", shape: [], data: [2] },
    ],
  ],
] as [string, unknown, unknown][])("%s", ([, value, tensors]) => {
  expect(plain("y", value)).toEqual(tensors);
});

test("keys stand alone where there is no name in front of them", () => {
  expect(plain("", { a: 1, b: { c: true } }).map(({ name }) => name)).toEqual(["a", "b.c"]);
});

test.for([
  ["rows of several lengths", [[1, 2], [3]]],
  ["a number beside a list", [1, [2]]],
  ["a list beside a number", [[1], 2]],
  ["a text beside a number", [1, "a"]],
  ["a truth value beside a number", [1, true]],
  ["an object inside a list of lists", [[{ a: 1 }], [2]]],
  ["lists without an end", JSON.parse("[".repeat(500) + "]".repeat(500))],
  ["objects without an end", JSON.parse(`${'{"a":'.repeat(500)}1${"}".repeat(500)}`)],
  ["thousands of outputs", Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))],
] as [string, unknown][])("%s is a fault", ([, value]) => {
  expect(() => tensorsOfJson("y", value)).toThrow(Fault);
});

test("any JSON gives tensors that fill their shapes, or a Fault", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      try {
        for (const { shape, data } of tensorsOfJson("y", value))
          expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
      } catch (fault) {
        expect(fault).toBeInstanceOf(Fault);
      }
    }),
  );
});

test("what a tensor is nested into, it is read back from", () => {
  const shaped = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      data: fc.array(fc.double(), {
        minLength: shape.reduce((product, size) => product * size, 1),
        maxLength: shape.reduce((product, size) => product * size, 1),
      }),
    }),
  );
  fc.assert(
    fc.property(shaped, ({ shape, data }) => {
      const [tensor] = tensorsOfJson("y", nest(data, shape));
      expect(tensor?.shape).toEqual(shape);
      expect(Array.from(tensor?.data ?? [])).toEqual(data);
    }),
  );
});

function nest(data: number[], [size, ...rest]: number[]): unknown {
  if (size === undefined) return data[0];
  const step = data.length / size;
  return Array.from({ length: size }, (_, i) => nest(data.slice(i * step, (i + 1) * step), rest));
}
