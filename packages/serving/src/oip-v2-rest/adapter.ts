import { randomUUID } from "node:crypto";
import { Fault, type ModelMetadata, splitModelKey } from "@locum/contracts";
import type { ConnectOptions } from "../connect.ts";
import { deadline } from "../deadline.ts";
import { accepted, askJson } from "../http/ask-json.ts";
import { openExchange } from "../http/exchange.ts";
import { fromCache } from "../http/from-cache.ts";
import { probe } from "../http/probe.ts";
import type { CallOptions, InferAnswer, InferOptions, ModelServer } from "../model-server.ts";
import { openCacheKnowledge } from "../oip-v2/cache-knowledge.ts";
import { encodeInfer, hasHalfInputs } from "../oip-v2/encode-infer.ts";
import { readMetadata } from "../oip-v2/metadata.ts";
import { modelPath } from "../oip-v2/model-path.ts";
import { listModels } from "../oip-v2/models.ts";
import { openProgress } from "../oip-v2/progress.ts";
import { reloadModel } from "../oip-v2/reload.ts";
import { identify, type ServerIdentity } from "../oip-v2/server.ts";
import { decodeAnswer } from "./decode-answer.ts";
import { restRepository } from "./repository.ts";

/**
 * Open Inference Protocol v2 over REST (kserve/open-inference-protocol), with the extensions that servers have:
 * binary tensor data, model repository, model configuration, statistics.
 */
export function connectOipV2Rest({
  metricsUrl,
  nonce = randomUUID,
  ...exchangeOptions
}: Omit<ConnectOptions, "protocol">): ModelServer {
  const { base, ask, close } = openExchange(exchangeOptions);
  const progress = openProgress(ask, metricsUrl);
  let identity: ServerIdentity | undefined;

  // What the server says of itself is asked once; a server that does not answer now is asked again next time.
  async function server(options: CallOptions): Promise<ServerIdentity | undefined> {
    identity ??= await identify(ask, options).catch(() => undefined);
    return identity;
  }

  const caches = openCacheKnowledge({
    serverName: async (options) => (await server(options))?.name,
    async isCacheOn(model, options) {
      const path = `${modelPath(model)}/config`;
      const config = (await askJson(ask, { ...options, path })) as {
        response_cache?: { enable?: boolean };
      } | null;
      // Triton leaves the key out where the cache is off.
      return config?.response_cache?.enable === true;
    },
  });

  async function infer(model: string, request: unknown, options: InferOptions): Promise<InferAnswer> {
    const remaining = deadline(options);
    const half = hasHalfInputs(request);
    const takesBinary =
      half && ((await server(remaining()))?.extensions.includes("binary_tensor_data") ?? false);
    const path = `${modelPath(model)}/infer`;
    const body = encodeInfer(request, { id: options.salted === false ? undefined : nonce(), takesBinary });
    const [outcome, cached] = await Promise.all([
      ask({ method: "POST", path, ...body, ...remaining() }),
      caches.mayCache(model, remaining),
    ]);
    const answer = accepted404(outcome, model);
    const outputs = decodeAnswer({ ...answer.headers, "content-encoding": undefined }, answer.body);
    return { outputs, latencyMs: answer.latencyMs, cached: fromCache(answer.headers) || cached };
  }

  return {
    protocol: "oip-v2-rest",
    url: base,
    live: (options) => probe(ask, "/v2/health/live", options),
    ready: (model, options) => probe(ask, readyPath(model), options),
    models: (options) => listModels(ask, options),
    metadata: (model, options): Promise<ModelMetadata> => readMetadata(ask, model, options),
    infer,
    reload: async (key, options) => {
      const remaining = deadline(options);
      caches.forget(key);
      // A repository loads a model with all its versions.
      const { model } = splitModelKey(key);
      const serverName = (await server(remaining()))?.name;
      return reloadModel(restRepository(ask, { model, serverName }, remaining), remaining);
    },
    progress,
    close,
  };
}

function readyPath(model: string | undefined): string {
  return model === undefined ? "/v2/health/ready" : `${modelPath(model)}/ready`;
}

/** 404 on a model's own route says that the model is not there, not that the server fails. */
function accepted404(outcome: Parameters<typeof accepted>[0], model: string): ReturnType<typeof accepted> {
  if (outcome.kind === "answer" && outcome.status === 404) {
    throw new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`);
  }
  return accepted(outcome, `infer ${model}`);
}
