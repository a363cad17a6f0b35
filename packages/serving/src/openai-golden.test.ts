import fc from "fast-check";
import { expect, test } from "vitest";
import { pinOpenai } from "./openai-golden.ts";

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
    top_logprobs: 1,
  });
  expect(fallback).toEqual({ messages, temperature: 0, seed: 1, max_tokens: 16, top_p: 0.9 });
});

test.for<[string, Record<string, unknown>, Record<string, unknown>]>([
  ["a completion asks for them by number", { prompt: "Hi" }, { max_tokens: 8, logprobs: 1 }],
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
