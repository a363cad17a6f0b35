import { Fault } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import type { OpenaiKind } from "./server.ts";

export type OpenaiCall = { path: string; body: Record<string, unknown> };

/** Which endpoint a request is for follows from what it holds. Throws `request-invalid` for everything else. */
export function openaiCall(model: string, request: unknown): OpenaiCall {
  const what = isObject(request) ? endpoints.find(({ key }) => request[key] !== undefined) : undefined;
  if (!isObject(request) || !what)
    throw new Fault("request-invalid", "expected a request with messages, prompt or input", {
      hint: 'Write it as the API takes it: {"messages":[{"role":"user","content":"..."}]}.',
    });
  return { path: what.path, body: { ...request, model } };
}

const endpoints = [
  { key: "messages", path: "/v1/chat/completions" },
  { key: "prompt", path: "/v1/completions" },
  { key: "input", path: "/v1/embeddings" },
];

/**
 * Keeps a prefix cache from answering for the model: a salt that was never used before where the server takes one, no
 * use of the slot's cache with llama.cpp. For others there is nothing to add that would leave the answer alone.
 */
export function salted({ path, body }: OpenaiCall, kind: OpenaiKind, nonce: () => string): OpenaiCall {
  if (path === "/v1/embeddings") return { path, body };
  if (kind === "vllm" || kind === "sglang") return { path, body: { ...body, cache_salt: nonce() } };
  if (kind === "llama.cpp") return { path, body: { ...body, cache_prompt: false } };
  return { path, body };
}
