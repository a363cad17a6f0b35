import { Fault } from "@locum/contracts";
import { accepted } from "../http/ask-json.ts";
import type { Ask } from "../http/exchange.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import type { CallOptions, ProbeOutcome } from "../model-server.ts";
import { factsOf } from "./server.ts";

export type ListedModel = { id: string; facts: Record<string, string> };

const modelsMax = 10_000;
const listBytesMax = 8 * 1024 * 1024;

/**
 * `GET /v1/models`. Throws `upstream-refused` where the server keeps no list.
 */
export async function listOpenaiModels(ask: Ask, { timeoutMs, signal }: CallOptions): Promise<ListedModel[]> {
  const outcome = await ask({ method: "GET", path, timeoutMs, signal, answerBytesMax: listBytesMax });
  return read(accepted(outcome, `GET ${path}`).body);
}

/** Whether the server lists the model, or any where none is given. Never throws. */
export async function openaiReady(
  ask: Ask,
  model: string | undefined,
  { timeoutMs, signal }: CallOptions,
): Promise<ProbeOutcome> {
  const outcome = await ask({ method: "GET", path, timeoutMs, signal, answerBytesMax: listBytesMax });
  const { latencyMs } = outcome;
  if (outcome.kind === "failed") return { ok: false, latencyMs, detail: outcome.detail };
  const { status, body } = outcome;
  if (status < 200 || status > 299) return { ok: false, latencyMs, detail: "status", status };
  try {
    const listed = read(body);
    const ok = model === undefined ? listed.length > 0 : findListed(listed, model) !== undefined;
    return { ok, latencyMs, detail: ok ? "ok" : "status", status };
  } catch {
    return { ok: false, latencyMs, detail: "protocol", status };
  }
}

/** Ollama lists every model with its tag, and takes it without where that is `latest`. */
export const findListed = (listed: readonly ListedModel[], model: string): ListedModel | undefined =>
  listed.find(({ id }) => id === model) ?? listed.find(({ id }) => id === `${model}:latest`);

const path = "/v1/models";

function read(body: Buffer): ListedModel[] {
  const said = readJson(body, "upstream-protocol");
  if (!isObject(said) || !Array.isArray(said.data))
    throw new Fault("upstream-protocol", `GET ${path}: no list of models`);
  return said.data.slice(0, modelsMax).flatMap((entry) => {
    if (!isObject(entry) || typeof entry.id !== "string") return [];
    const meta = isObject(entry.meta) ? entry.meta : {};
    return { id: entry.id, facts: { ...factsOf(entry, entryFacts), ...factsOf(meta, metaFacts) } };
  });
}

/** Of an entry, and of what llama.cpp adds of the file. `created` is the time of the question with most servers. */
const entryFacts = ["owned_by", "root", "parent", "max_model_len", "context_length"];
const metaFacts = ["vocab_type", "n_vocab", "n_ctx_train", "n_embd", "n_params", "size"];
