import OpenAI, { APIError } from "openai";
import type { CheckResult } from "./client-check.ts";

const messages = [{ role: "user" as const, content: "Say something." }];

/** What people do with the OpenAI library, and what it gave them: answers, pieces of streams, errors. */
export async function openaiCheck(
  url: string,
  model: string,
  options: { maxRetries?: number } = {},
): Promise<CheckResult> {
  const client = openaiClient(url, options);
  const pinned = { model, temperature: 0, seed: 1, max_tokens: 8 };
  const chat = { ...pinned, messages };
  const cases: Record<string, () => Promise<unknown>> = {
    models: async () => (await client.models.list()).data,
    chat: () => client.chat.completions.create(chat),
    "chat with log-probabilities": () =>
      client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 3 }),
    completion: () => client.completions.create({ ...pinned, prompt: "Once", logprobs: 2 }),
    embeddings: async () => {
      const { data, usage } = await client.embeddings.create({ model, input: ["Once", "upon"] });
      return { data, usage };
    },
    "embeddings as numbers": () =>
      client.embeddings.create({ model, input: "Once", encoding_format: "float" }),
    "chat, streamed": async () => piecesOf(await client.chat.completions.create({ ...chat, stream: true })),
    "completion, streamed": async () =>
      piecesOf(await client.completions.create({ ...pinned, prompt: "Once", stream: true })),
    "a long stream": async () =>
      piecesOf(await client.chat.completions.create({ ...chat, max_tokens: 200, stream: true })),
    "a stream with its helper": () => client.chat.completions.stream(chat).finalContent(),
    "several answers": () => Promise.all([1, 2, 3, 4].map(() => client.chat.completions.create(chat))),
    "a head of its own": async () => {
      const { response } = await client.chat.completions.create(chat).withResponse();
      return [response.status, response.headers.get("content-type")];
    },
    "left amid a stream, then asked again": async () => {
      const stream = await client.chat.completions.create({ ...chat, max_tokens: 400, stream: true });
      const pieces: unknown[] = [];
      for await (const piece of stream) {
        pieces.push(piece);
        if (pieces.length === 3) break;
      }
      return [pieces, stream.controller.signal.aborted, await client.chat.completions.create(chat)];
    },
    "aborted amid a stream": async () => {
      const abort = new AbortController();
      const stream = await client.chat.completions.create(
        { ...chat, max_tokens: 400, stream: true },
        { signal: abort.signal },
      );
      let seen = 0;
      for await (const _ of stream) if (++seen === 3) abort.abort();
      return seen;
    },
    "no messages": () => client.chat.completions.create({ ...pinned, messages: null as never }),
    "too many tokens": () => client.completions.create({ ...pinned, prompt: "word ".repeat(2_000) }),
    "too many tokens, streamed": async () =>
      piecesOf(await client.completions.create({ ...pinned, prompt: "word ".repeat(2_000), stream: true })),
    "a wrong type": () => client.chat.completions.create({ ...chat, temperature: "hot" as never }),
    "a call that it lacks": () => client.responses.create({ model, input: "Once" }),
    "a model that it lacks": () => client.models.retrieve("nobody"),
  };
  const found: CheckResult = {};
  for (const [name, ask] of Object.entries(cases)) found[name] = plain(await ask().catch(wordsOf));
  return found;
}

async function piecesOf(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const pieces: unknown[] = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

/** Nothing is repeated unless it is said: what the wire said is what is seen. */
export const openaiClient = (url: string, { maxRetries = 0 }: { maxRetries?: number } = {}): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries, timeout: 60_000 });

/** An error as a program tells errors apart. */
export function wordsOf(error: unknown): unknown {
  if (!(error instanceof APIError)) return { threw: (error as Error).constructor.name };
  const { status, code, type, message } = error;
  return { threw: error.constructor.name, status, code, type, message };
}

/** Without what a server makes up for each answer. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (key, it) => (key === "id" || key === "created" ? 0 : it)) ?? "null";
  return JSON.parse(text.replaceAll(/(request_id\W+)[\w-]+/g, "$1"));
}
