import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { question } from "../testing/fake-model-server.ts";
import { readExpectations } from "./read-expectations.ts";
import { readRequests } from "./read-requests.ts";

describe("requests", () => {
  test.for<[string, unknown, (string | undefined)[]]>([
    ["a list of bare requests", [question(1), question(2)], [undefined, undefined]],
    ["a list in an object", { requests: [question(1)] }, [undefined]],
    ["one alone", question(1), [undefined]],
    ["a path", [{ path: "/v2/models/m/infer", ...question(1) }], ["m"]],
    ["a path with a version", [{ path: "/v2/models/m/versions/3/infer", ...question(1) }], ["m@3"]],
    ["a whole URL", [{ path: "http://h:1/v2/models/m%20x/infer", request: question(1) }], ["m x"]],
    ["a model", [{ model: "m", request: question(1) }], ["m"]],
    ["a model beside the inputs", [{ model_name: "m", ...question(1) }], ["m"]],
    ["a body", [{ path: "/v2/models/m/infer", body: question(1) }], ["m"]],
  ])("are read from %s", ([, value, models]) => {
    const requests = readRequests(value, "in.json");
    expect(requests.map(({ model }) => model)).toEqual(models);
    for (const { request } of requests) expect(Object.keys(request)).toEqual(["inputs"]);
  });

  test("lose an id, for the same input is the same golden", () => {
    expect(readRequests([{ id: "7", ...question(1) }], "f")[0]?.request).toEqual(question(1));
  });

  test("of generated text are pinned, and keep their prompts", () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
    ];
    const [bare, whole, plain] = readRequests(
      [
        { model: "m", messages, temperature: 0.9 },
        { path: "/v1/chat/completions", body: { model: "m", messages } },
        { path: "http://h:1/v1/completions", prompt: "Hi" },
      ],
      "in.json",
    );
    const pinned = { temperature: 0, seed: 1, max_tokens: 8 };
    expect(bare).toMatchObject({ model: "m", request: { messages, logprobs: true, ...pinned }, inputs: [] });
    expect(bare?.request).not.toHaveProperty("model");
    expect(bare?.fallback).not.toHaveProperty("logprobs");
    expect(whole).toEqual({ ...bare, at: "in.json[1]" });
    expect(plain).toMatchObject({ model: undefined, request: { prompt: "Hi", logprobs: 2, ...pinned } });
  });

  test("of a release are asked as they were recorded", () => {
    const recorded = [{ model: "m", request: { prompt: "Hi", temperature: 0, seed: 1, max_tokens: 8 } }];
    const [asked] = readRequests(recorded, "release", { recorded: true });
    expect(asked?.request).toEqual(recorded[0]?.request);
    expect(asked?.fallback).toBeUndefined();
  });

  test("of servers without tensors are read by path, by field, or by what the server speaks", () => {
    const [predict, fields, any] = [
      readRequests([{ path: "/v1/models/m:predict", instances: [[1]] }], "f"),
      readRequests([{ model: "m", instances: [[1]] }], "f"),
      readRequests([{ model: "m", request: { picture: "aGk=" } }], "f", { protocol: "torchserve" }),
    ].map(([first]) => first);
    expect(predict).toMatchObject({ model: "m", request: { instances: [[1]] } });
    expect(fields).toEqual(predict);
    expect(any).toMatchObject({ model: "m", request: { picture: "aGk=" } });
  });

  test.for<[string, unknown]>([
    ["tools", [{ messages: [], tools: [{}] }]],
    ["a chat's path without its fields", [{ path: "/v1/chat/completions", body: {} }]],
    ["nothing", []],
    ["text", "x"],
    ["no inputs", [{}]],
    ["inputs of another kind", [{ inputs: {} }]],
    ["a datatype that is none", [{ inputs: [{ name: "x", datatype: "FP31", shape: [1], data: [1] }] }]],
    ["a shape that is too large", [{ inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1] }] }]],
    ["a path to elsewhere", [{ path: "/v1/completions", ...question(1) }]],
    ["a sequence", [{ ...question(1), parameters: { sequence_id: 3 } }]],
    ["too many", Array.from({ length: 1025 }, () => question(1))],
  ])("are refused with their place: %s", ([, value]) => {
    expect(() => readRequests(value, "in.json")).toThrow(
      expect.objectContaining({ code: "request-invalid", message: expect.stringContaining("in.json") }),
    );
  });

  test("end in requests or in one fault, whatever the file holds", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        try {
          expect(readRequests(value, "f").length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: "request-invalid" });
        }
      }),
    );
  });
});

describe("expectations", () => {
  const output = { name: "y", datatype: "FP32", shape: [1, 2], data: [[1, 2]] };
  test("come flat, with a tolerance of their own", () => {
    const tolerance = { abs: 0.1, rel: 0 };
    expect(readExpectations([{ outputs: [{ ...output, tolerance }] }], "e", 1)).toEqual([
      [{ name: "y", datatype: "FP32", shape: [1, 2], data: [1, 2], tolerance }],
    ]);
  });
  test("come as the OpenAI API answers", () => {
    const answer = { choices: [{ message: { content: "hello" }, finish_reason: "stop" }] };
    expect(readExpectations([answer], "e", 1)[0]).toEqual([
      { name: "text", datatype: "BYTES", shape: [1], data: ["hello"] },
      { name: "finish_reason", datatype: "BYTES", shape: [1], data: ["stop"] },
    ]);
  });
  test.for<[string, unknown]>([
    ["another number of them", []],
    ["no outputs", [{ outputs: [] }]],
    ["no tensors", [{ outputs: [1] }]],
    ["NaN", [{ outputs: [{ ...output, data: ["NaN", 1] }] }]],
    ["a tolerance below zero", [{ outputs: [{ ...output, tolerance: { abs: -1, rel: 0 } }] }]],
    ["null", null],
  ])("are refused: %s", ([, value]) => {
    expect(() => readExpectations(value, "e.json", 1)).toThrow(
      expect.objectContaining({ code: "request-invalid", message: expect.stringContaining("e.json") }),
    );
  });
});
