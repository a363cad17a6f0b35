import type { Golden, Tensor } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchGolden } from "./golden-match.ts";
import { type InstanceSamples, learnGolden } from "./learn-golden.ts";
import { smallestVisibleFault } from "./smallest-visible-fault.ts";

const tensor = (data: Tensor["data"], over: Partial<Tensor> = {}): Tensor => ({
  name: "p",
  datatype: "FP32",
  shape: [1, data.length],
  data,
  ...over,
});
const sampled = (...answers: number[][][]): InstanceSamples[] =>
  answers.map((own, index) => ({ instance: "ab"[index] ?? "c", answers: own.map((data) => [tensor(data)]) }));
const learn = (samples: InstanceSamples[], given?: Parameters<typeof learnGolden>[0]["given"]) =>
  learnGolden({
    id: "0123456789abcdef",
    model: "m",
    request: { inputs: [] },
    samples,
    ...(given ? { given } : {}),
  });
const golden = (result: ReturnType<typeof learn>): Golden => {
  if ("refusal" in result) throw new Error(`${result.refusal.code}: ${result.refusal.detail}`);
  return result.golden;
};
const numbers = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 20 });
const noise = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 });

describe("a learned golden", () => {
  it("passes every answer that it was learned from", () => {
    fc.assert(
      fc.property(
        numbers,
        fc.array(noise, { minLength: 2, maxLength: 8 }),
        fc.double({ min: 0, max: 4e-4, noNaN: true }),
        (data, noises, size) => {
          const scale = Math.min(1, ...data.map(Math.abs));
          const answers = noises.map((by) =>
            data.map((value, index) => value + size * scale * (by[index] ?? 0)),
          );
          const result = learn(sampled(answers.slice(0, 1), answers));
          if ("refusal" in result) return;
          for (const answer of answers)
            expect(matchGolden([tensor(answer)], result.golden.expected).pass).toBe(true);
        },
      ),
    );
  });

  it("is as tight as the floor of its datatype where nothing varies", () => {
    const { expected } = golden(learn(sampled([[1, 0.5]], [[1, 0.5]])));
    expect(expected).toEqual([
      { name: "p", datatype: "FP32", shape: [1, 2], data: [1, 0.5], tolerance: { abs: 1e-5, rel: 1e-4 } },
    ]);
  });

  it("sees a change that is larger than it says, in any element", () => {
    fc.assert(
      fc.property(numbers, fc.nat(), fc.boolean(), (data, seed, up) => {
        const learned = golden(learn(sampled([data, data])));
        const { delta, floats } = smallestVisibleFault([learned]);
        expect(floats).toBe(data.length);
        const changed = data.with(
          seed % data.length,
          (data[seed % data.length] ?? 0) + (up ? 1 : -1) * delta * 1.01,
        );
        expect(matchGolden([tensor(changed)], learned.expected).pass).toBe(false);
      }),
    );
  });

  it("sees 0.01 in one output of a classifier", () => {
    const probabilities = [0.9, 0.05, 0.05];
    expect(smallestVisibleFault([golden(learn(sampled([probabilities])))]).delta).toBeLessThan(0.001);
  });

  it("sees outputs that are small everywhere", () => {
    const { expected } = golden(learn(sampled([[1e-7, 2e-7]])));
    expect(matchGolden([tensor([2e-7, 2e-7])], expected).pass).toBe(false);
  });

  it("grows its tolerance to four times what varies", () => {
    const [output] = golden(learn(sampled([[1], [1.0002], [1]]))).expected;
    const width = (output?.tolerance.abs ?? 0) + (output?.tolerance.rel ?? 0);
    expect(width).toBeCloseTo(4 * 0.0002, 6);
  });

  it("holds integers, text and truth values exactly", () => {
    const outputs = [
      tensor([3, 4], { name: "i", datatype: "INT64" }),
      tensor(["a", ""], { name: "s", datatype: "BYTES" }),
      tensor([true, false], { name: "b", datatype: "BOOL" }),
    ];
    const learned = golden(learn([{ instance: "a", answers: [outputs, outputs] }]));
    expect(smallestVisibleFault([learned])).toEqual({ delta: 0, deltaLeast: 0, floats: 0, exact: 6 });
    for (const [index, value] of [3.5, "b", false].entries())
      expect(
        matchGolden(
          outputs.map((output, at) =>
            at === index ? { ...output, data: [value, output.data[1] ?? 0] } : output,
          ),
          learned.expected,
        ).pass,
      ).toBe(false);
  });
});

describe("a golden is refused", () => {
  const ints = (...data: number[]) => [tensor(data, { datatype: "INT32" })];
  it.each<[string, InstanceSamples[], string]>([
    ["an instance answers in several ways", sampled([[1], [1.02]]), "golden-unstable"],
    ["instances differ", sampled([[1]], [[1.005]]), "golden-disagree"],
    ["an integer changes", [{ instance: "a", answers: [ints(1), ints(2)] }], "golden-unstable"],
    [
      "instances differ in an integer",
      [
        { instance: "a", answers: [ints(1)] },
        { instance: "b", answers: [ints(2)] },
      ],
      "golden-disagree",
    ],
    ["a value is NaN", sampled([[1]], [[Number.NaN]]), "golden-not-finite"],
    ["a value is infinite", sampled([[Number.NEGATIVE_INFINITY]]), "golden-not-finite"],
    ["the shape changes", sampled([[1, 2], [1]]), "golden-unstable"],
    ["shapes differ", sampled([[1, 2]], [[1]]), "golden-disagree"],
    ["nothing was answered", [{ instance: "a", answers: [] }], "golden-unstable"],
    ["the answer holds no outputs", [{ instance: "a", answers: [[]] }], "golden-unstable"],
    ["an output is missing once", [{ instance: "a", answers: [[tensor([1])], []] }], "golden-unstable"],
  ])("where %s", (_, samples, code) => {
    expect(learn(samples)).toMatchObject({ refusal: { code } });
  });

  it("and the refusal names the instance that stands apart", () => {
    expect(learn(sampled([[1]], [[2]]))).toMatchObject({ refusal: { detail: expect.stringContaining("b") } });
  });

  it("whenever one instance is off by more than a hundredth, whatever the others say", () => {
    fc.assert(
      fc.property(numbers, fc.nat(), fc.boolean(), (data, seed, first) => {
        const at = seed % data.length;
        const wrong = data.with(at, (data[at] ?? 0) + 0.011 * Math.max(1, Math.abs(data[at] ?? 0)));
        const [a, b] = first ? [wrong, data] : [data, wrong];
        expect(learn(sampled([a, a, a], [b, b, b]))).toMatchObject({ refusal: { code: "golden-disagree" } });
      }),
    );
  });
});

describe("expected outputs from outside", () => {
  const given = (data: number[], over: object = {}) => [
    { name: "p", datatype: "FP32" as const, shape: [1, data.length], data, ...over },
  ];
  it("become what is expected", () => {
    const [output] = golden(learn(sampled([[1.00001]]), given([1]))).expected;
    expect(output?.data).toEqual([1]);
    expect(matchGolden([tensor([1.00003])], output ? [output] : []).pass).toBe(true);
  });
  it("refuse instances that answer otherwise, all alike or not", () => {
    expect(learn(sampled([[0.5]], [[0.5]]), given([1]))).toMatchObject({
      refusal: { code: "golden-disagree" },
    });
  });
  it("may bring a tolerance of their own, and more to hold", () => {
    const wide = given([1, 2], { tolerance: { abs: 0.5, rel: 0, topK: 1 } });
    expect(golden(learn(sampled([[1.2, 1.9]]), wide)).expected[0]?.tolerance).toEqual({
      abs: 0.5,
      rel: 0,
      topK: 1,
    });
    expect(learn(sampled([[1.5, 1.5]]), wide)).toMatchObject({ refusal: { code: "golden-disagree" } });
  });
  it.each([
    ["an output that nobody answers", given([1], { name: "q" })],
    ["another datatype", given([1], { datatype: "FP64" })],
    ["another shape", given([1], { shape: [1] })],
  ])("refuse %s", (_, outputs) => {
    expect(learn(sampled([[1]]), outputs)).toMatchObject({ refusal: { code: "golden-disagree" } });
  });
});
