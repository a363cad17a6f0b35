import { digestOf } from "@locum/contracts";
import { afterEach, expect, test } from "vitest";
import { connect } from "../connect.ts";
import { codeOf } from "../testing/code-of.ts";
import { type Scripted, type ScriptedServer, startScriptedServer } from "../testing/scripted-server.ts";

const call = { timeoutMs: 20_000 };
const chat = { messages: [{ role: "user", content: "hi" }] };
const json = { "content-type": "application/json" };
const sse = { "content-type": "text/event-stream" };
let server: ScriptedServer;
afterEach(() => server?.close());

const models = (owner: string, more: object = {}) => ({
  "GET /v1/models": { body: { object: "list", data: [{ id: "m", created: 1, owned_by: owner, ...more }] } },
});
const answer = (more: object = {}) => ({
  id: "chatcmpl-0123456789abcdef",
  object: "chat.completion",
  model: "m",
  choices: [
    {
      index: 0,
      message: { role: "assistant", content: "hello" },
      finish_reason: "stop",
      logprobs: {
        content: [
          { token: "hel", logprob: -0.5 },
          { token: "lo", logprob: -0.25 },
        ],
      },
    },
  ],
  usage: { prompt_tokens: 9, completion_tokens: 2 },
  ...more,
});
const ask = "POST /v1/chat/completions";

async function at(script: Record<string, Scripted>, nonce?: () => string) {
  server = await startScriptedServer(script);
  return connect({ url: `${server.url}/v1`, protocol: "openai", ...(nonce ? { nonce } : {}) });
}
const sent = (line: string) =>
  server.asked.filter((one) => one.line === line).map(({ body }) => JSON.parse(body.toString()));

test("an answer is its text, its tokens, and what it says of itself", async () => {
  const one = await at({ ...models("me"), [ask]: { headers: json, body: answer() } });
  const { outputs } = await one.infer("m", chat, call);
  expect(outputs).toEqual([
    { name: "text", datatype: "BYTES", shape: [1], data: ["hello"] },
    { name: "finish_reason", datatype: "BYTES", shape: [1], data: ["stop"] },
    { name: "tokens", datatype: "BYTES", shape: [2], data: ["hel", "lo"] },
    { name: "logprobs", datatype: "FP64", shape: [2], data: [-0.5, -0.25] },
    { name: "model", datatype: "BYTES", shape: [1], data: ["m"] },
    { name: "prompt_tokens", datatype: "INT64", shape: [1], data: [9] },
  ]);
  expect(sent(ask)).toEqual([{ ...chat, model: "m" }]);
  one.close();
});

test("the likeliest token that was not chosen is told where the server tells candidates", async () => {
  const top = (...pairs: [string, number][]) => pairs.map(([token, logprob]) => ({ token, logprob }));
  const content = [
    { token: "a", logprob: -0.1, top_logprobs: top(["a", -0.1], ["b", -2]) },
    { token: "c", logprob: -0.9, top_logprobs: top(["d", -0.6], ["c", -0.9]) },
  ];
  const chat1 = answer({
    choices: [{ message: { content: "ac" }, finish_reason: "stop", logprobs: { content } }],
  });
  const lists = {
    tokens: ["a", "c"],
    token_logprobs: [-0.1, -0.9],
    top_logprobs: [
      { a: -0.1, b: -2 },
      { d: -0.6, c: -0.9 },
    ],
  };
  const text = { model: "m", choices: [{ text: "ac", finish_reason: "stop", logprobs: lists }] };
  const one = await at({ ...models("me"), [ask]: { body: chat1 }, "POST /v1/completions": { body: text } });
  for (const request of [chat, { prompt: "hi" }]) {
    const { outputs } = await one.infer("m", request, call);
    expect(outputs.find(({ name }) => name === "runner_up")?.data).toEqual([-2, -0.6]);
  }
  one.close();
});

test("a streamed answer says the same", async () => {
  const piece = (delta: object, finish: string | null, logprobs: unknown = null) =>
    `data: ${JSON.stringify({ model: "m", choices: [{ index: 0, delta, finish_reason: finish, logprobs }] })}\n\n`;
  const body = [
    piece({ role: "assistant" }, null),
    piece({ content: "hel" }, null, { content: [{ token: "hel", logprob: -0.5 }] }),
    ": ping\n\n",
    piece({ content: "lo" }, "stop", { content: [{ token: "lo", logprob: -0.25 }] }),
    'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}\n\n',
    "data: [DONE]\n\n",
  ].join("");
  const one = await at({ ...models("me"), [ask]: { headers: sse, body } });
  const streamed = await one.infer("m", { ...chat, stream: true }, call);
  one.close();
  await server.close();
  const other = await at({ ...models("me"), [ask]: { headers: json, body: answer() } });
  expect(streamed.outputs).toEqual((await other.infer("m", chat, call)).outputs);
  other.close();
});

test("embeddings come as numbers or in base64, in the order of their inputs", async () => {
  const packed = Buffer.from(new Float32Array([0.5, -2]).buffer).toString("base64");
  const data = [
    { index: 1, embedding: [3, 4] },
    { index: 0, embedding: packed },
  ];
  const one = await at({ ...models("vllm"), "POST /v1/embeddings": { body: { data, model: "m" } } });
  const { outputs } = await one.infer("m", { input: ["a", "b"] }, call);
  const data64 = Float64Array.of(0.5, -2, 3, 4);
  expect(outputs[0]).toEqual({ name: "embedding", datatype: "FP32", shape: [2, 2], data: data64 });
  one.close();
});

test.for<[string, object, object, object, boolean | "unknown"]>([
  ["vLLM is salted", models("vllm"), {}, { cache_salt: "n0" }, false],
  [
    "vLLM says what it took all the same",
    models("vllm"),
    { prompt_tokens_details: { cached_tokens: 8 } },
    { cache_salt: "n0" },
    true,
  ],
  ["llama.cpp is told not to use its slot's cache", models("llamacpp"), {}, { cache_prompt: false }, false],
  ["SGLang takes a salt, or leaves it", models("sglang"), {}, { cache_salt: "n0" }, "unknown"],
  [
    "SGLang says that it took nothing",
    models("sglang"),
    { prompt_tokens_details: { cached_tokens: 0 } },
    { cache_salt: "n0" },
    false,
  ],
  ["others get nothing that could change the answer", models("someone"), {}, {}, "unknown"],
])("may an answer be cached: %s", async ([, script, usage, salt, cached]) => {
  const body = answer({ usage: { prompt_tokens: 9, ...usage } });
  const one = await at({ ...script, [ask]: { headers: json, body } }, () => "n0");
  expect((await one.infer("m", chat, call)).cached).toBe(cached);
  expect(sent(ask)).toEqual([{ ...chat, model: "m", ...salt }]);
  one.close();
});

test("an id that comes twice is an answer from a cache in front of the server", async () => {
  const one = await at({ ...models("vllm"), [ask]: { headers: json, body: answer() } });
  expect((await one.infer("m", chat, call)).cached).toBe(false);
  expect((await one.infer("m", chat, call)).cached).toBe(true);
  one.close();
});

test("a server that refuses the salt is asked without, and remembered", async () => {
  const refused = { status: 400, body: { error: { message: "cache_salt is not supported by this engine" } } };
  const one = await at({ ...models("vllm"), [ask]: refused });
  expect(await codeOf(one.infer("m", chat, call))).toBe("upstream-refused");
  expect(await codeOf(one.infer("m", chat, call))).toBe("upstream-refused");
  expect(sent(ask).map((body) => "cache_salt" in body)).toEqual([true, false, false]);
  one.close();
});

test("what changes answers is described, and nothing that changes by itself", async () => {
  const template = "{% for m in messages %}\n{{ m }}{% endfor %}";
  const script = {
    ...models("llamacpp", { meta: { n_ctx_train: 4096, n_params: 7, size: 12 } }),
    "GET /props": {
      body: { chat_template: template, bos_token: "<s>", model_path: "/m.gguf", total_slots: 4 },
    },
  };
  const one = await at(script);
  expect(await one.metadata("m", call)).toEqual({
    name: "m",
    versions: [],
    platform: "llama.cpp",
    inputs: [],
    outputs: [],
    served: {
      owned_by: "llamacpp",
      n_ctx_train: "4096",
      n_params: "7",
      size: "12",
      chat_template: digestOf(template),
      bos_token: "<s>",
    },
  });
  expect(await codeOf(one.metadata("other", call))).toBe("model-unknown");
  one.close();
});

test.for<[string, Record<string, Scripted>, string, Record<string, string>]>([
  [
    "vLLM",
    models("vllm", { root: "org/m", max_model_len: 8192, permission: [{ created: 5 }] }),
    "vllm",
    { owned_by: "vllm", root: "org/m", max_model_len: "8192" },
  ],
  [
    "TGI",
    { ...models("org/m"), "GET /info": { body: { model_id: "org/m", model_sha: "abc", version: "3" } } },
    "tgi",
    { owned_by: "org/m", model_id: "org/m", model_sha: "abc" },
  ],
  [
    "Ollama",
    {
      ...models("library"),
      "GET /api/version": { body: { version: "1" } },
      "POST /api/show": {
        body: { template: "{{ .Prompt }}", system: "Be kind.", details: { quantization_level: "Q4_0" } },
      },
    },
    "ollama",
    { owned_by: "library", template: "{{ .Prompt }}", system: "Be kind.", quantization_level: "Q4_0" },
  ],
  ["something else", models("acme"), "", { owned_by: "acme" }],
])("%s is known by what it says", async ([, script, platform, served]) => {
  const one = await at(script);
  expect(await one.metadata("m", call)).toMatchObject({ platform, served });
  one.close();
});

test("health is its own route where there is one, the list of models where not", async () => {
  const one = await at({ "GET /health": { status: 503, body: { error: "loading" } }, ...models("vllm") });
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "status", status: 503 });
  one.close();
  await server.close();
  const other = await at(models("me"));
  expect(await other.live(call)).toMatchObject({ ok: true });
  expect(await other.ready("m", call)).toMatchObject({ ok: true });
  expect(await other.ready("other", call)).toMatchObject({ ok: false, detail: "status" });
  other.close();
});

test("a server whose list costs its clients their streams is asked for it once", async () => {
  const one = await at({ ...models("me"), [ask]: { body: answer() } });
  await one.live(call);
  await one.infer("m", chat, call);
  const before = server.asked.length;
  expect(await one.live(call)).toMatchObject({ ok: true, detail: "ok", status: 404 });
  expect(await one.ready("m", call)).toMatchObject({ ok: true });
  expect(server.asked.slice(before).map(({ line }) => line)).toEqual(["GET /health", "GET /health"]);
  one.close();
});

test("a program that knows neither health nor models is not live", async () => {
  const one = await at({});
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "status", status: 404 });
  expect(await one.live(call)).toMatchObject({ ok: false, detail: "status", status: 404 });
  one.close();
});

test("a model without its tag is Ollama's latest", async () => {
  const one = await at({
    "GET /v1/models": { body: { data: [{ id: "llama3:latest" }] } },
    [ask]: { body: answer() },
  });
  expect(await one.ready("llama3", call)).toMatchObject({ ok: true });
  expect((await one.infer("llama3", chat, call)).outputs.length).toBeGreaterThan(0);
  one.close();
});

test("log-probabilities that are no numbers arrive as what they are", async () => {
  const body = `{"model":"m","choices":[{"index":0,"text":"a","finish_reason":"stop","logprobs":{"tokens":["a"],"token_logprobs":[NaN]}}]}`;
  const one = await at({ ...models("me"), "POST /v1/completions": { headers: json, body } });
  const { outputs } = await one.infer("m", { prompt: "hi" }, call);
  expect(outputs.find(({ name }) => name === "logprobs")?.data).toEqual([Number.NaN]);
  one.close();
});

test.for<[string, string, number | undefined]>([
  [
    "vLLM",
    'vllm:request_success_total{finished_reason="stop"} 2.0\nvllm:generation_tokens_total{m="x"} 30\nvllm:num_requests_running 9\n',
    32,
  ],
  ["llama.cpp", "llamacpp:tokens_predicted_total 7\nllamacpp:prompt_tokens_total 5\n", 12],
  ["nobody", "process_cpu_seconds_total 7\n", undefined],
])("work is counted from the metrics of %s", async ([, body, count]) => {
  const one = await at({ "GET /metrics": { body } });
  expect(await one.progress(call)).toBe(count);
  one.close();
});

test.for([
  ["me", true],
  ["vllm", false],
] as const)("a server of %s cuts streams for other requests: %s", async ([owner, cuts]) => {
  const one = await at({ ...models(owner), [ask]: { headers: json, body: answer() } });
  expect(one.cutsStreams).toBe(false);
  await one.infer("m", chat, call);
  expect(one.cutsStreams).toBe(cuts);
  one.close();
});

test("there is no reload, and none is tried", async () => {
  const one = await at({});
  expect(await one.reload("m", call)).toMatchObject({ reloaded: false, outcome: "unsupported" });
  expect(server.asked).toEqual([]);
  one.close();
});
