import { digestOf } from "@locum/contracts";
import { askJson } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import type { CallOptions } from "../model-server.ts";
import type { ListedModel } from "./models.ts";

type Said = Record<string, unknown>;
export type OpenaiKind = "vllm" | "sglang" | "llama.cpp" | "llama-cpp-python" | "tgi" | "ollama" | "unknown";

/**
 * Which program serves the API. Most write their name into `owned_by`; TGI and Ollama write the model's owner there and
 * are known by routes of their own.
 */
export async function openaiKind(
  ask: Ask,
  models: readonly ListedModel[],
  options: CallOptions,
): Promise<OpenaiKind> {
  const owner = models.map(({ facts }) => facts.owned_by ?? "").find((name) => name in owners);
  if (owner !== undefined) return owners[owner] ?? "unknown";
  const [info, version] = await Promise.all([
    askOwn(ask, { ...options, path: "/info" }),
    askOwn(ask, { ...options, path: "/api/version" }),
  ]);
  if (typeof info?.model_id === "string") return "tgi";
  return typeof version?.version === "string" ? "ollama" : "unknown";
}

const owners: Record<string, OpenaiKind> = {
  vllm: "vllm",
  sglang: "sglang",
  llamacpp: "llama.cpp",
  me: "llama-cpp-python",
};

/**
 * What the server says on its own routes of how it serves a model, as far as it changes answers and is the same on
 * every instance and at every asking: no paths, versions, times, or counts of slots. Long texts by their digest.
 */
export async function openaiFacts(
  ask: Ask,
  { kind, model }: { kind: OpenaiKind; model: string },
  options: CallOptions,
): Promise<Record<string, string>> {
  if (kind === "llama.cpp") {
    const said = await askOwn(ask, { ...options, path: "/props" });
    return factsOf(said, ["chat_template", "bos_token", "eos_token"]);
  }
  if (kind === "sglang") {
    const said = await askOwn(ask, { ...options, path: "/get_model_info" });
    return factsOf(said, ["is_generation", "weight_version", "preferred_sampling_params"]);
  }
  if (kind === "tgi") {
    const said = await askOwn(ask, { ...options, path: "/info" });
    return factsOf(said, ["model_id", "model_sha", "model_dtype", "max_input_tokens", "max_total_tokens"]);
  }
  if (kind !== "ollama") return {};
  const said = await askOwn(ask, { ...options, path: "/api/show", post: { model } });
  const details = isObject(said?.details) ? said.details : {};
  return {
    ...factsOf(said, ["template", "system", "parameters"]),
    ...factsOf(details, ["quantization_level", "parameter_size"]),
  };
}

/** Scalars by these names; texts that would not fit on a line by their digest. */
export function factsOf(said: Said | undefined, names: readonly string[]): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const name of names) {
    const value = said?.[name];
    if (value === undefined || value === null || value === "") continue;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    facts[name] = text.length > 200 || text.includes("\n") ? digestOf(text) : text;
  }
  return facts;
}

/** An answer of the server's own routes, if it has them. Only the time's end is not the same as having none. */
async function askOwn(ask: Ask, question: Parameters<typeof askJson>[1]): Promise<Said | undefined> {
  const said = await askJson(ask, { ...question, answerBytesMax: ownBytesMax }).catch(() => undefined);
  return isObject(said) ? said : undefined;
}

const ownBytesMax = 8 * 1024 * 1024;
