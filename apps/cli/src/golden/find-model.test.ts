import type { ModelMetadata } from "@locum/contracts";
import { expect, test } from "vitest";
import { findModel } from "./find-model.ts";

const model = (name: string, shape: number[]): ModelMetadata =>
  ({ name, inputs: [{ name: "x", datatype: "FP32", shape }], outputs: [] }) as unknown as ModelMetadata;
const asked = (shape: number[], named?: string) => ({
  at: "requests.json[0]",
  model: named,
  inputs: [{ name: "x", datatype: "FP32" as const, shape, data: [] }],
});
const find = (shape: number[], served: ModelMetadata[], named?: string) =>
  findModel(asked(shape, named) as unknown as Parameters<typeof findModel>[0], served);

const digits = model("digits", [-1, 64]);

test.each([
  ["the one whose shape it has, beside one of any length", [1, 64], [digits, model("echo", [-1])], "digits"],
  ["the vector, beside the same with a batch", [64], [digits, model("echo", [-1])], "echo"],
  ["one that leaves its batch out of the metadata", [1, 64], [model("bare", [64]), model("c", [32])], "bare"],
  ["the only model of a server, whatever it says", [1, 3, 3], [digits], "digits"],
])("%s", (_what, shape, served, name) => {
  expect(find(shape, served)).toBe(name);
});

test("two that fit alike are not chosen from, and a name decides", () => {
  const served = [digits, model("twin", [-1, 64])];
  expect(() => find([1, 64], served)).toThrow("fits digits and twin");
  expect(find([1, 64], served, "twin")).toBe("twin");
  expect(() => find([1, 64], served, "nobody")).toThrow("served: digits, twin");
});
