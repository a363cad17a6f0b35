import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type Asked, type HttpClient, httpClient, type Said } from "./http-client.ts";
import type { Peer } from "./peer.ts";

/** What a client saw of each case: two places that serve alike give equal results, case by case. */
export type CheckResult = Record<string, unknown>;
type Case = (client: HttpClient) => Promise<unknown>;

/**
 * Everything that a client does with a model server, asked at one address: metadata, health, inference as JSON and
 * binary, large, compressed, kept alive, many at once, streamed, and wrong in the ways that clients are wrong.
 */
export async function clientCheck(url: string, peer: Peer): Promise<CheckResult> {
  const input = (await peer.inputs())[0] ?? [];
  const cases = casesOf(peer, input);
  const result: CheckResult = {};
  for (const [name, ask] of Object.entries(cases)) {
    const client = httpClient(url);
    try {
      result[name] = await ask(client);
    } catch (error) {
      result[name] = `no answer: ${(error as Error).message}`;
    } finally {
      client.close();
    }
  }
  return result;
}

function casesOf(peer: Peer, input: readonly number[]): Record<string, Case> {
  if (peer.name === "openai") return openaiCases(peer.model);
  if (peer.name === "torchserve") return torchserveCases(peer.model, input);
  const oip = oipCases(peer.model, input);
  return peer.name === "kserve" ? { ...oip, ...kserveV1Cases(peer.model, input) } : oip;
}

const json = { "content-type": "application/json" };
const post = (path: string, value: unknown, more: Partial<Asked> = {}): Asked => ({
  method: "POST",
  path,
  headers: json,
  body: typeof value === "string" ? value : JSON.stringify(value),
  ...more,
});

const once =
  (asked: Asked): Case =>
  async (client) =>
    plain(await client.send(asked));

function oipCases(model: string, input: readonly number[]): Record<string, Case> {
  const path = `/v2/models/${model}/infer`;
  const body = (rows: number, id = "17") => ({
    id,
    inputs: [
      {
        name: "x",
        datatype: "FP32",
        shape: [rows, 64],
        data: Array.from({ length: rows }, () => input).flat(),
      },
    ],
  });
  const [one, large] = [JSON.stringify(body(1)), JSON.stringify(body(40_000))];
  return {
    "server metadata": once({ path: "/v2" }),
    live: once({ path: "/v2/health/live" }),
    ready: once({ path: "/v2/health/ready" }),
    "model metadata": once({ path: `/v2/models/${model}` }),
    "model ready": once({ path: `/v2/models/${model}/ready` }),
    "another model": once({ path: "/v2/models/nobody/ready" }),
    "infer JSON": once(post(path, one)),
    "infer binary": once(binaryRequest(path, input, 1)),
    "8 MB of tensor, binary": once(binaryRequest(path, input, 32_768)),
    "10 MB of JSON": once(post(path, large)),
    ...transportCases(post(path, one), (id) => post(path, body(1, id))),
    ...errorCases(path, one),
    "another input": once(post(path, { id: "1", inputs: [{ ...body(1).inputs[0], name: "z" }] })),
    "another shape": once(post(path, { id: "1", inputs: [{ ...body(1).inputs[0], shape: [1, 3] }] })),
    "another model's infer": once(post("/v2/models/nobody/infer", one)),
    generate: once(post(`/v2/models/${model}/generate`, { x: input })),
    "generate, streamed": once(post(`/v2/models/${model}/generate_stream`, { x: input })),
  };
}

function binaryRequest(path: string, input: readonly number[], rows: number): Asked {
  const values = Float32Array.from({ length: rows * 64 }, (_, index) => input[index % 64] ?? 0);
  const head = Buffer.from(
    JSON.stringify({
      id: "17",
      inputs: [
        {
          name: "x",
          datatype: "FP32",
          shape: [rows, 64],
          parameters: { binary_data_size: values.byteLength },
        },
      ],
      parameters: { binary_data_output: true },
    }),
  );
  return {
    method: "POST",
    path,
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(head.byteLength),
    },
    body: Buffer.concat([head, Buffer.from(values.buffer)]),
  };
}

function kserveV1Cases(model: string, input: readonly number[]): Record<string, Case> {
  return {
    "v1 models": once({ path: "/v1/models" }),
    "v1 model": once({ path: `/v1/models/${model}` }),
    "v1 predict": once(post(`/v1/models/${model}:predict`, { instances: [input] })),
    "v1 predict, no instances": once(post(`/v1/models/${model}:predict`, {})),
    "v1 predict, another model": once(post("/v1/models/nobody:predict", { instances: [input] })),
  };
}

function torchserveCases(model: string, input: readonly number[]): Record<string, Case> {
  const path = `/predictions/${model}`;
  const one = JSON.stringify({ instances: [input] });
  return {
    ping: once({ path: "/ping" }),
    predict: once(post(path, one)),
    "10 MB of JSON": once(post(path, { instances: Array.from({ length: 20_000 }, () => input) })),
    "another model": once(post("/predictions/nobody", one)),
    ...transportCases(post(path, one), () => post(path, one)),
    ...errorCases(path, one),
  };
}

function openaiCases(model: string): Record<string, Case> {
  const messages = [{ role: "user", content: "Say something." }];
  const pinned = { model, temperature: 0, seed: 1, max_tokens: 8 };
  const chat = "/v1/chat/completions";
  const one = JSON.stringify({ ...pinned, messages });
  return {
    models: once({ path: "/v1/models" }),
    chat: once(post(chat, one)),
    completion: once(post("/v1/completions", { ...pinned, prompt: "Once", logprobs: 2 })),
    embeddings: once(post("/v1/embeddings", { model, input: "Once" })),
    "chat, streamed": once(post(chat, { ...pinned, messages, stream: true })),
    "completion, streamed": once(post("/v1/completions", { ...pinned, prompt: "Once", stream: true })),
    "a stream with its usage": once(
      post(chat, { ...pinned, messages, stream: true, stream_options: { include_usage: true } }),
    ),
    "a stream that is refused": once(post(chat, { ...pinned, stream: true })),
    "a stream of 64 tokens": once(post(chat, { ...pinned, max_tokens: 64, messages, stream: true })),
    "no messages": once(post(chat, pinned)),
    "100 KB of prompt": once(post("/v1/completions", { ...pinned, prompt: "word ".repeat(20_000) })),
    ...transportCases(post(chat, one), () => post(chat, one), { atOnce: 8 }),
    ...errorCases(chat, one),
  };
}

/** One good request over every kind of connection. */
function transportCases(
  good: Asked,
  numbered: (id: string) => Asked,
  { atOnce = 32 }: { atOnce?: number } = {},
): Record<string, Case> {
  const headers = good.headers ?? {};
  return {
    "a compressed request": once({
      ...good,
      headers: { ...headers, "content-encoding": "gzip" },
      body: gzipSync(good.body ?? ""),
    }),
    "a compressed answer": once({ ...good, headers: { ...headers, "accept-encoding": "gzip" } }),
    "in pieces": once({ ...good, pieces: 7 }),
    "expect 100-continue": once({ ...good, headers: { ...headers, expect: "100-continue" } }),
    "kept alive": async (client) => {
      const answers: unknown[] = [];
      for (let i = 0; i < 20; i++) answers.push(plain(await client.send(numbered(String(i)))));
      return { answers, oneConnection: client.connections() === 1 };
    },
    "many at once": (client) =>
      Promise.all(
        Array.from({ length: atOnce }, async (_, i) => plain(await client.send(numbered(String(i))))),
      ),
  };
}

function errorCases(path: string, good: string): Record<string, Case> {
  return {
    "broken JSON": once(post(path, good.slice(0, -5))),
    "no JSON": once(post(path, "hello")),
    "an empty body": once(post(path, "")),
    "an array": once(post(path, "[]")),
    "another method": once({ method: "PUT", path, headers: json, body: good }),
    "GET of it": once({ path }),
    "HEAD of it": once({ method: "HEAD", path }),
    OPTIONS: once({ method: "OPTIONS", path }),
    "another path": once({ path: "/no/such/path?with=query" }),
    "no content type": once({ method: "POST", path, body: good }),
  };
}

const kept = ["content-type", "content-encoding", "inference-header-content-length", "allow", "location"];

/** What must be equal: not the clock, not what a server makes up for each answer. */
function plain({ status, headers, body }: Said): unknown {
  const encoded = headers["content-encoding"] !== undefined;
  const text = body.toString("latin1");
  return {
    status,
    headers: Object.fromEntries(kept.flatMap((name) => (headers[name] ? [[name, headers[name]]] : []))),
    // A compressed body holds a clock and chance; that it is there and what it says is for its reader.
    body: encoded ? "compressed" : short(madeUp.reduce((left, [what, by]) => left.replace(what, by), text)),
  };
}

const short = (text: string): string =>
  text.length <= 2000
    ? text
    : `${text.length} bytes, sha256 ${createHash("sha256").update(text).digest("hex")}`;

const madeUp: readonly [RegExp, string][] = [
  [/"created": ?\d+/g, '"created":0'],
  [/"id": ?"(chatcmpl|cmpl|embd)-[\w-]+"/g, '"id":"made up"'],
  [/"(request_id|requestId)": ?"[\w-]+"/g, '"$1":"made up"'],
];
