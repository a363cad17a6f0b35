import type { ModelServer } from "@locum/serving";
import { beforeEach, describe, expect, it } from "vitest";
import { createInputObserver, type InputCheck, type InputObserver } from "./input-observer.ts";

let nowMs: number;
let costMs: number;
let asked: number;
let counted: string[];
let audited: string[];
let observer: InputObserver;

const body = (document: object) => Buffer.from(JSON.stringify(document));
const good = body({ inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }] });
const check: InputCheck = (_metadata, inputs) => {
  nowMs += costMs;
  return inputs.flatMap(({ name }) => (name === "x" ? [] : [{ rule: "name", detail: `no input ${name}` }]));
};
const server = {
  metadata: async () => {
    asked += 1;
    return { name: "m", versions: [], platform: "", inputs: [], outputs: [] };
  },
} as unknown as ModelServer;

beforeEach(async () => {
  nowMs = 1000;
  costMs = 0;
  asked = 0;
  counted = [];
  audited = [];
  observer = createInputObserver({
    check,
    server: () => server,
    clock: { monotonicMs: () => nowMs },
    onFinding: (rule) => counted.push(rule),
    onAudit: (_model, { rule }) => audited.push(rule),
  });
  observer.inspect("m", {}, good);
  await new Promise(setImmediate);
});

describe("what comes in is looked at, and never stopped", () => {
  it("counts every finding, and tells one a minute and rule", () => {
    const odd = body({ inputs: [{ name: "y", datatype: "FP32", shape: [1], data: [1] }] });
    for (let i = 0; i < 5; i += 1) observer.inspect("m", {}, odd);
    nowMs += 60_000;
    observer.inspect("m", {}, odd);
    expect([counted.length, audited.length]).toEqual([6, 2]);
  });

  it("asks the model's metadata once a minute", async () => {
    for (let i = 0; i < 20; i += 1) observer.inspect("m", {}, good);
    expect(asked).toBe(1);
    nowMs += 60_001;
    observer.inspect("m", {}, good);
    expect(asked).toBe(2);
  });

  it.each([Buffer.from("{"), Buffer.from([0xff, 0xfe]), Buffer.alloc(0), body({ inputs: "none" })])(
    "bytes that are no request are a finding, and throw nothing",
    (bytes) => {
      observer.inspect("m", {}, bytes);
      expect(counted).toEqual(["undecodable"]);
    },
  );

  it("takes a fiftieth of the time at most", () => {
    costMs = 10;
    const startMs = nowMs;
    let looks = 0;
    const odd = body({ inputs: [{ name: "y", datatype: "FP32", shape: [1], data: [1] }] });
    for (let i = 0; i < 1000; i += 1) {
      nowMs += 1;
      observer.inspect("m", {}, odd);
      looks = counted.length;
    }
    expect((looks * costMs) / (nowMs - startMs)).toBeLessThan(0.03);
  });

  it("knows a model that keeps sequences from any request of one, however busy it is", () => {
    costMs = 1000;
    observer.inspect("m", {}, good);
    expect(observer.isStateful("m")).toBe(false);
    observer.inspect("m", {}, body({ parameters: { sequence_id: 7 }, inputs: [] }));
    expect(observer.isStateful("m")).toBe(true);
  });
});
