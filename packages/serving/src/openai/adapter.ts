import { randomUUID } from "node:crypto";
import { Fault, type ModelMetadata } from "@locum/contracts";
import type { ConnectOptions } from "../connect.ts";
import { deadline } from "../deadline.ts";
import { accepted, errorText, questionOf } from "../http/ask-json.ts";
import { type Exchanged, openExchange } from "../http/exchange.ts";
import { fromCache } from "../http/from-cache.ts";
import { probe } from "../http/probe.ts";
import { type CounterGroup, prometheusCount } from "../http/prometheus-count.ts";
import type { CallOptions, InferAnswer, InferOptions, ModelServer, ProbeOutcome } from "../model-server.ts";
import { readOpenaiAnswer } from "./answer.ts";
import { createCacheRule } from "./cached.ts";
import { findListed, type ListedModel, listOpenaiModels, openaiReady } from "./models.ts";
import { openaiCall, salted } from "./request.ts";
import { type OpenaiKind, openaiFacts, openaiKind } from "./server.ts";

/**
 * The OpenAI API as vLLM, SGLang, llama.cpp, TGI, Ollama and their likes serve it: chat completions, completions and
 * embeddings, streamed or not. None of them reads its weights again without a restart.
 */
export function connectOpenai({
  metricsUrl,
  nonce = randomUUID,
  ...exchangeOptions
}: Omit<ConnectOptions, "protocol">): ModelServer {
  const { base, ask, close } = openExchange(exchangeOptions);
  const progress = prometheusCount(ask, metricsUrl ?? "/metrics", counters);
  const cacheRule = createCacheRule();
  const seen = new Set<string>();
  let kind: OpenaiKind | undefined;
  let takesSalt = true;
  let isKnown = false;

  /** A model is looked for in the list before its first inference: some servers answer as whatever they are called. */
  async function assertListed(model: string, remaining: () => CallOptions): Promise<void> {
    if (seen.has(model) && kind) return;
    const listed = await listOpenaiModels(ask, remaining()).catch((fault: unknown) => {
      if (fault instanceof Fault && fault.code === "upstream-refused") return undefined;
      throw fault;
    });
    if (listed && !findListed(listed, model)) throw unknownModel(model);
    kind ??= await openaiKind(ask, listed ?? [], remaining());
    if (seen.size < 1000) seen.add(model);
  }

  async function infer(model: string, request: unknown, options: InferOptions): Promise<InferAnswer> {
    const call = openaiCall(model, request);
    const remaining = deadline(options);
    await assertListed(model, remaining);
    const isSalted = takesSalt && options.salted !== false;
    const { path, body } = isSalted ? salted(call, kind ?? "unknown", nonce) : call;
    const outcome = await ask(questionOf({ path, post: body, ...remaining() }));
    if (isSalted && refusesSalt(outcome)) {
      // Refused is not executed: the same question without what the server does not know is asked for the first time.
      takesSalt = false;
      return infer(model, request, remaining());
    }
    if (outcome.kind === "answer" && outcome.status === 404) seen.delete(model);
    const answer = acceptedInfer(outcome, model);
    const { outputs, ...told } = readOpenaiAnswer(answer.headers, answer.body);
    const cached = fromCache(answer.headers) || cacheRule({ ...told, kind: kind ?? "unknown", isSalted });
    return { outputs, latencyMs: answer.latencyMs, cached };
  }

  async function metadata(model: string, options: CallOptions): Promise<ModelMetadata> {
    const remaining = deadline(options);
    const listed = await listOpenaiModels(ask, remaining());
    const found = findListed(listed, model);
    if (!found) throw unknownModel(model);
    kind ??= await openaiKind(ask, listed, remaining());
    return describe(model, found, await openaiFacts(ask, { kind, model }, remaining()), kind);
  }

  return {
    protocol: "openai",
    url: base,
    get cutsStreams() {
      return kind === "llama-cpp-python";
    },
    live: (options) => live(deadline(options)),
    ready,
    models: async (options) =>
      (await listOpenaiModels(ask, options)).map(({ id }) => ({ name: id, state: "READY" })),
    metadata,
    infer,
    reload: async () => ({
      reloaded: false,
      outcome: "unsupported",
      detail: "this API has no reload: the server reads its weights at its start",
    }),
    progress,
    close,
  };

  /**
   * vLLM, SGLang, TGI and llama.cpp have a health route. The others show once by their list of models what they are;
   * from then on it is enough that they answer, be it that there is no such route.
   */
  async function live(remaining: () => CallOptions): Promise<ProbeOutcome> {
    const health = await probe(ask, "/health", remaining());
    if (health.status !== 404 && health.status !== 405) return health;
    if (isKnown) return { ...health, ok: true, detail: "ok" };
    const listed = await openaiReady(ask, undefined, remaining());
    isKnown = listed.ok;
    return listed;
  }

  /**
   * llama-cpp-python takes its lock even for the list of models, and cuts off a stream that runs when another request
   * waits for it: asking every other second would cost its clients their answers. Its list is fixed at its start.
   */
  function ready(model: string | undefined, options: CallOptions): Promise<ProbeOutcome> {
    const isFixed = kind === "llama-cpp-python" && (model === undefined || seen.has(model));
    return isFixed ? live(deadline(options)) : openaiReady(ask, model, options);
  }
}

/**
 * Counters that only grow with work: finished requests, and tokens read and written, so that one long generation, or a
 * long prompt that is read in parts, shows progress before it ends.
 */
const counters: readonly CounterGroup[] = [
  { families: ["vllm:request_success_total", "vllm:generation_tokens_total", "vllm:prompt_tokens_total"] },
  { families: ["sglang:num_requests_total", "sglang:generation_tokens_total", "sglang:prompt_tokens_total"] },
  { families: ["llamacpp:tokens_predicted_total", "llamacpp:prompt_tokens_total"] },
  { families: ["tgi_request_success", "tgi_request_failure", "tgi_request_generated_tokens_sum"] },
];

function describe(
  name: string,
  { facts }: ListedModel,
  own: Record<string, string>,
  kind: OpenaiKind,
): ModelMetadata {
  const served = { ...facts, ...own };
  return { name, versions: [], platform: kind === "unknown" ? "" : kind, inputs: [], outputs: [], served };
}

/** 404 is either a model that is not there or an endpoint that is not: only the first speaks of a model. */
function acceptedInfer(outcome: Exchanged, model: string): ReturnType<typeof accepted> {
  const isUnknown =
    outcome.kind === "answer" && outcome.status === 404 && /model/i.test(errorText(outcome.body));
  if (isUnknown) throw unknownModel(model);
  return accepted(outcome, `infer ${model}`);
}

const refusesSalt = (outcome: Exchanged): boolean =>
  outcome.kind === "answer" &&
  outcome.status >= 400 &&
  /cache_salt|cache_prompt/.test(errorText(outcome.body));

const unknownModel = (model: string): Fault =>
  new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`);
