import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openWires } from "../wire.ts";
import { openaiWire } from "./wire.ts";

const json = { "content-type": "application/json" };
const sse = { "content-type": "text/event-stream; charset=utf-8" };
const bytes = (value: unknown): Buffer =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const look = (request: unknown) => openaiWire.look?.({}, bytes(request));

const choice = (content: unknown, finish: unknown = "stop", more: object = {}) => ({
  index: 0,
  message: { role: "assistant", content, ...more },
  finish_reason: finish,
});
const answer = (choices: unknown[], more: object = {}) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  model: "m",
  choices,
  usage: { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 },
  ...more,
});

describe("which requests are inferences", () => {
  test.for<[string, boolean | "body" | undefined]>([
    ["/v1/chat/completions", "body"],
    ["/v1/completions?x=1", "body"],
    ["/v1/responses", "body"],
    ["/v1/embeddings", true],
    ["/openai/v1/chat/completions", "body"],
    ["/v1/responses/resp_1/cancel", undefined],
    ["/v1/chat/completions/extra", undefined],
    ["/v1/models", undefined],
    ["/v2/models/v1/infer", undefined],
    [`/${"a/".repeat(5000)}v1/completions`, undefined],
  ])("%s", ([path, repeatable]) => {
    expect(openaiWire.route({ method: "POST", path, headers: {} })?.repeatable).toBe(repeatable);
    expect(openaiWire.route({ method: "GET", path, headers: {} })).toBeUndefined();
  });

  test("they are found among the other protocols", () => {
    expect(openWires()({ method: "POST", path: "/v1/completions", headers: {} })?.wire.protocol).toBe(
      "openai",
    );
  });
});

describe("what may be sent a second time", () => {
  const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };
  test.for<[string, object, boolean]>([
    ["a chat", chat, true],
    ["a completion", { model: "m", prompt: "hi" }, true],
    ["several samples", { ...chat, n: 4, temperature: 1 }, true],
    ["an empty list of tools", { ...chat, tools: [] }, true],
    ["tools", { ...chat, tools: [{ type: "function" }] }, false],
    ["functions", { ...chat, functions: [{ name: "f" }] }, false],
    ["a stored answer", { ...chat, store: true }, false],
    ["a session", { ...chat, session_id: "s" }, false],
    ["a search of the web", { ...chat, web_search_options: {} }, false],
    ["a response, which is stored unless told otherwise", { model: "m", input: "hi" }, false],
    ["a response that is not stored", { model: "m", input: "hi", store: false }, true],
    ["a response after another", { model: "m", input: "hi", store: false, previous_response_id: "r" }, false],
    ["a conversation", { model: "m", input: "hi", store: false, conversation: "c" }, false],
    ["a response in the background", { model: "m", input: "hi", store: false, background: true }, false],
  ])("%s", ([, request, repeatable]) => {
    expect(look(request)).toEqual({ model: "m", repeatable });
  });

  test("a compressed body is read, an unreadable one never repeated", () => {
    expect(openaiWire.look?.({ "content-encoding": "gzip" }, gzipSync(bytes(chat)))).toEqual({
      model: "m",
      repeatable: true,
    });
    expect(openaiWire.look?.({ "content-encoding": "gzip" }, bytes(chat))).toEqual({
      model: undefined,
      repeatable: false,
    });
    for (const body of ["", "{", "[]", "null", '{"model":7}', "\xff"])
      expect(openaiWire.look?.({}, Buffer.from(body, "latin1"))?.model).toBeUndefined();
    expect(look("{")?.repeatable).toBe(false);
  });
});

describe("what is wrong with a whole answer", () => {
  const flood = choice("!".repeat(100), "length");
  const logprobs = (logprob: string) =>
    `{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop","logprobs":{"content":[{"token":"a","logprob":${logprob}}]}}]}`;
  test.for<[string, unknown, string | undefined]>([
    ["nothing", answer([choice("Hello.")]), undefined],
    ["a call of a tool", answer([choice(null, "tool_calls", { tool_calls: [{ id: "1" }] })]), undefined],
    [
      "thoughts without text",
      answer([choice("", "length", { reasoning_content: "hm" })], { usage: { completion_tokens: 99 } }),
      undefined,
    ],
    [
      "hidden thoughts",
      answer([choice("", "length")], {
        usage: { completion_tokens: 99, completion_tokens_details: { reasoning_tokens: 99 } },
      }),
      undefined,
    ],
    ["a refusal", answer([choice(null, "stop", { refusal: "no" })]), undefined],
    ["an answer that ends at once", answer([choice("")], { usage: { completion_tokens: 1 } }), undefined],
    ["a repetition that the model ended", answer([choice("ha".repeat(200))]), undefined],
    ["an end in the server's own words", answer([choice("x", "eos_token")]), undefined],
    ["embeddings", { object: "list", data: [{ index: 0, embedding: [0.1, 2] }], model: "m" }, undefined],
    [
      "a response",
      {
        object: "response",
        status: "completed",
        model: "m",
        output: [{ type: "message", content: [{ type: "output_text", text: "hi" }] }],
      },
      undefined,
    ],
    [
      "a response that runs in the background",
      { object: "response", status: "queued", output: [] },
      undefined,
    ],
    ["a flood", answer([flood]), "flood"],
    ["a flood in the second choice", answer([choice("fine"), { ...flood, index: 1 }]), "flood"],
    [
      "a flooded completion",
      { object: "text_completion", choices: [{ index: 0, text: "G".repeat(90), finish_reason: "length" }] },
      "flood",
    ],
    [
      "a flooded response",
      {
        object: "response",
        status: "incomplete",
        output: [{ type: "message", content: [{ text: "!".repeat(90) }] }],
      },
      "flood",
    ],
    ["tokens without text", answer([choice("", "length")], { usage: { completion_tokens: 64 } }), "empty"],
    ["a page", "<html>", "malformed"],
    ["half an answer", '{"choices":[{"mess', "malformed"],
    ["an empty body", "", "malformed"],
    ["other JSON", { hello: 1 }, "malformed"],
    ["no choice", answer([]), "malformed"],
    ["an end that is no word", answer([choice("x", "\u0000\u0001")]), "wrong-finish"],
    ["an end by error", answer([choice("x", "error")]), "wrong-finish"],
    ["calls that are not there", answer([choice("", "tool_calls")]), "wrong-finish"],
    ["another model", answer([choice("x")], { model: "other" }), "wrong-model"],
    ["NaN as Python writes it", logprobs("NaN"), "not-finite"],
    ["NaN as null", logprobs("null"), "not-finite"],
    ["NaN in an embedding", '{"data":[{"index":0,"embedding":[0.5,NaN]}]}', "not-finite"],
    ["an error with 200", { error: { message: "CUDA error", code: 500 } }, "status-5xx"],
    ["a client's error with 200", { error: { message: "too long", code: 400 } }, undefined],
  ])("%s", ([, body, kind]) => {
    expect(openaiWire.defect(json, bytes(body), { model: "m" })?.kind).toBe(kind);
  });

  test("names that belong together are one model, and without a known name none is wrong", () => {
    const named = bytes(answer([choice("x")], { model: "gpt-4o-2024-08-06" }));
    expect(openaiWire.defect(json, named, { model: "gpt-4o" })).toBeUndefined();
    expect(openaiWire.defect(json, named, { model: "llama" })?.kind).toBe("wrong-model");
    expect(openaiWire.defect(json, named, { model: undefined })).toBeUndefined();
    expect(openaiWire.defect(json, named)).toBeUndefined();
  });

  test("a compressed answer is read, one in an unknown coding left alone", () => {
    const zipped = { ...json, "content-encoding": "gzip" };
    expect(openaiWire.defect(zipped, gzipSync(bytes(answer([flood]))))?.kind).toBe("flood");
    expect(openaiWire.defect({ ...json, "content-encoding": "snappy" }, bytes("?"))).toBeUndefined();
  });

  test("any bytes give a finding or none, and never an exception", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), (body) => {
        openaiWire.defect(json, body, { model: "m" });
        openaiWire.look?.({}, body);
        expect(openaiWire.defect(sse, body)).toBeUndefined();
      }),
    );
  });
});
