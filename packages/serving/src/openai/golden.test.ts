import fc from "fast-check";
import { expect, test } from "vitest";
import { endBeforeTie, pinOpenai } from "./golden.ts";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hi" },
];

test("a chat is pinned to one greedy answer of few tokens with their log-probabilities", () => {
  const { request, fallback } = pinOpenai({ messages, temperature: 0.7, max_tokens: 1024, top_p: 0.9 });
  expect(request).toEqual({
    messages,
    temperature: 0,
    seed: 1,
    max_tokens: 16,
    top_p: 0.9,
    logprobs: true,
    top_logprobs: 2,
  });
  expect(fallback).toEqual({ messages, temperature: 0, seed: 1, max_tokens: 16, top_p: 0.9 });
});

test.for<[string, Record<string, unknown>, Record<string, unknown>]>([
  ["a completion asks for them by number", { prompt: "Hi" }, { max_tokens: 8, logprobs: 2 }],
  ["a seed and fewer tokens stay", { prompt: "Hi", seed: 7, max_tokens: 3 }, { seed: 7, max_tokens: 3 }],
  ["the newer limit stays the limit", { messages, max_completion_tokens: 99 }, { max_completion_tokens: 16 }],
  ["a stream tells its usage", { messages, stream: true }, { stream_options: { include_usage: true } }],
])("%s", ([, given, pinned]) => {
  expect(pinOpenai(given).request).toMatchObject(pinned);
});

test("an embedding is asked as it is", () => {
  expect(pinOpenai({ input: ["a", "b"] })).toEqual({ request: { input: ["a", "b"] } });
});

test.for<[string, Record<string, unknown>]>([
  ["tools", { messages, tools: [{ type: "function" }] }],
  ["functions", { messages, functions: [{}] }],
  ["stored answers", { messages, store: true }],
  ["conversations", { messages, conversation: "c" }],
  ["several samples", { messages, n: 2 }],
  ["the best of several", { prompt: "Hi", best_of: 3 }],
])("%s are refused", ([, request]) => {
  expect(() => pinOpenai(request)).toThrow(expect.objectContaining({ code: "request-invalid" }));
});

test("pinning again changes nothing, whatever was given", () => {
  const value = fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.string());
  const fields = [
    "temperature",
    "seed",
    "max_tokens",
    "max_completion_tokens",
    "logprobs",
    "top_logprobs",
    "stream",
  ];
  const given = fc.dictionary(fc.constantFrom(...fields), value);
  fc.assert(
    fc.property(given, fc.boolean(), (more, isChat) => {
      const { request } = pinOpenai(isChat ? { ...more, messages } : { ...more, prompt: "Hi" });
      expect(pinOpenai(request).request).toEqual(request);
      expect(request).toMatchObject({ temperature: 0, seed: expect.any(Number) });
    }),
  );
});

test.for<[string, number[], number[], number | undefined]>([
  ["no tie leaves it", [-0.1, -0.2], [-3, -2], 8],
  ["a tie ends it before", [-0.1, -0.2, -0.69, -0.1], [-3, -2, -0.7, -4], 2],
  ["a runner-up that was likelier is a tie too", [-0.1, -1.5], [-3, -0.4], 1],
  ["a tie at once refuses it", [-0.69], [-0.7], undefined],
])("a golden ends before the model is undecided: %s", ([, logprobs, runnersUp, limit]) => {
  const tensor = (name: string, data: number[]) => ({
    name,
    datatype: "FP64" as const,
    shape: [data.length],
    data,
  });
  const outputs = [tensor("logprobs", logprobs), tensor("runner_up", runnersUp)];
  const end = () => endBeforeTie({ max_tokens: 8 }, outputs).max_tokens;
  if (limit === undefined) expect(end).toThrow(expect.objectContaining({ code: "golden-unstable" }));
  else expect(end()).toBe(limit);
  expect(endBeforeTie({ max_tokens: 8 }, [])).toEqual({ max_tokens: 8 });
});
