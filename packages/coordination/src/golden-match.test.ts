import type { ExpectedOutput, Tensor } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchGolden } from "./golden-match.ts";

const tolerance = { abs: 1e-5, rel: 1e-4 };
const expected = (data: number[], over: Partial<ExpectedOutput> = {}): ExpectedOutput => ({
  name: "p",
  datatype: "FP32",
  shape: [1, data.length],
  data,
  tolerance,
  ...over,
});
const answer = (data: number[], over: Partial<Tensor> = {}): Tensor => ({
  name: "p",
  datatype: "FP32",
  shape: [1, data.length],
  data,
  ...over,
});
const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });

describe("a golden matches", () => {
  it("itself, and whatever stays within its tolerance", () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: -0.9, max: 0.9, noNaN: true }), (data, part) => {
        const moved = data.map((value) => value + part * (tolerance.abs + tolerance.rel * Math.abs(value)));
        expect(matchGolden([answer(moved)], [expected(data)]).pass).toBe(true);
      }),
    );
  });
  it("with outputs beside it that nobody named", () => {
    expect(matchGolden([answer([1], { name: "other" }), answer([2])], [expected([2])]).pass).toBe(true);
  });
});

describe("a golden does not match", () => {
  it("when any one element leaves its tolerance", () => {
    fc.assert(
      fc.property(numbers, fc.nat(), fc.boolean(), (data, seed, up) => {
        const at = seed % data.length;
        const moved = data.map((value, index) =>
          index === at
            ? value + (up ? 1 : -1) * 1.5 * (tolerance.abs + tolerance.rel * Math.abs(value))
            : value,
        );
        const { pass, deltaMax } = matchGolden([answer(moved)], [expected(data)]);
        expect(pass).toBe(false);
        expect(deltaMax).toBeGreaterThan(0);
      }),
    );
  });
  it("when any element is NaN or Inf, and says so", () => {
    fc.assert(
      fc.property(
        numbers,
        fc.nat(),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        (data, seed, bad) => {
          const at = seed % data.length;
          expect(
            matchGolden([answer(data.map((value, index) => (index === at ? bad : value)))], [expected(data)]),
          ).toMatchObject({ pass: false, finite: false });
        },
      ),
    );
  });
  const cases: [string, Tensor[], string][] = [
    ["a missing output", [], "output p is missing"],
    ["another datatype", [answer([1, 2], { datatype: "FP64" })], "output p: FP64 instead of FP32"],
    ["another shape", [answer([1, 2], { shape: [2, 1] })], "output p: shape [2,1] instead of [1,2]"],
    ["fewer elements than its shape", [answer([1], { shape: [1, 2] })], "output p: 1 elements instead of 2"],
  ];
  it.each(cases)("%s", (_name, outputs, detail) =>
    expect(matchGolden(outputs, [expected([1, 2])])).toMatchObject({ pass: false, detail }),
  );
  it("an integer that is one off", () => {
    const label = { datatype: "INT64", tolerance: { abs: 5, rel: 1 } } as const;
    expect(matchGolden([answer([7], { datatype: "INT64" })], [expected([8], label)]).pass).toBe(false);
  });
  it("the largest elsewhere, or another direction, where that was asked for", () => {
    const wide = { abs: 10, rel: 0 };
    expect(
      matchGolden([answer([0.4, 0.6])], [expected([0.6, 0.4], { tolerance: { ...wide, topK: 1 } })]).detail,
    ).toContain("largest sit elsewhere");
    expect(
      matchGolden([answer([-1, 0])], [expected([1, 0], { tolerance: { ...wide, cosineMin: 0.99 } })]).detail,
    ).toContain("cosine");
  });
});
