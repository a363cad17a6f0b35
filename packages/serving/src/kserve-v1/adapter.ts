import { randomUUID } from "node:crypto";
import { Fault, type Tensor } from "@locum/contracts";
import type { ConnectOptions } from "../connect.ts";
import { deadline } from "../deadline.ts";
import { accepted } from "../http/ask-json.ts";
import { openExchange } from "../http/exchange.ts";
import { firstCount } from "../http/first-count.ts";
import { fromCache } from "../http/from-cache.ts";
import { jsonHeaders } from "../http/json-headers.ts";
import { type CounterGroup, prometheusCount } from "../http/prometheus-count.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import { tensorsOfJson } from "../json/tensors-of-json.ts";
import type { InferAnswer, InferOptions, ModelServer } from "../model-server.ts";
import { reloadModel } from "../oip-v2/reload.ts";
import { restRepository } from "../oip-v2-rest/repository.ts";
import { readV1Metadata } from "./metadata.ts";
import { listV1Models, v1Live, v1Ready, v1Status } from "./status.ts";

/**
 * The v1 inference protocol of KServe, whose predict call is that of TensorFlow Serving's REST API. What TensorFlow
 * Serving does in another way (status by versions, metadata with signatures, no list of models, no reload but new
 * version folders that it polls for) is written to its documents alone, tensorflow.org/tfx/serving/api_rest.
 */
export function connectKserveV1({
  metricsUrl,
  nonce = randomUUID,
  ...exchangeOptions
}: Omit<ConnectOptions, "protocol">): ModelServer {
  const { base, ask, close } = openExchange(exchangeOptions);

  async function infer(model: string, request: unknown, options: InferOptions): Promise<InferAnswer> {
    const outcome = await ask({
      method: "POST",
      path: `/v1/models/${encodeURIComponent(model)}:predict`,
      headers: jsonHeaders(options, nonce),
      body: encodePredict(request),
      ...options,
    });
    if (outcome.kind === "answer" && outcome.status === 404)
      throw new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`);
    const { headers, body, latencyMs } = accepted(outcome, `predict ${model}`);
    const outputs = tensorsOfPredict(readJson(body, "upstream-protocol"));
    // Neither server keeps answers; a proxy in front that does says so.
    return { outputs, latencyMs, cached: fromCache(headers) };
  }

  return {
    protocol: "kserve-v1",
    url: base,
    live: (options) => v1Live(ask, options),
    ready: (model, options) => v1Ready(ask, model, options),
    models: (options) => listV1Models(ask, options),
    metadata: (model, options) => readV1Metadata(ask, model, options),
    infer,
    async reload(model, options) {
      const remaining = deadline(options);
      const { kind } = await v1Status(ask, model, remaining()).catch(() => ({ kind: undefined }));
      if (kind === "versions")
        return {
          reloaded: false,
          outcome: "unsupported",
          detail: "TensorFlow Serving loads new version folders by itself and reloads nothing else",
        };
      // KServe's repository routes are part of its v2 API and stand beside the v1 routes.
      const repository = restRepository(ask, { model, serverName: "kserve" }, remaining);
      return reloadModel({ ...repository, isReady: () => v1Ready(ask, model, remaining()) }, remaining);
    },
    progress: firstCount(
      metricsUrl === undefined
        ? ["/metrics", "/monitoring/prometheus/metrics"].map((path) => prometheusCount(ask, path, counters))
        : [prometheusCount(ask, metricsUrl, counters)],
    ),
    close,
  };
}

/** KServe's, then TensorFlow Serving's, where its monitoring is switched on. */
const counters: readonly CounterGroup[] = [
  { families: ["request_predict_seconds_count"] },
  { families: [":tensorflow:serving:request_count"] },
];

function encodePredict(request: unknown): Buffer {
  if (!isObject(request) || !("instances" in request || "inputs" in request))
    throw new Fault(
      "request-invalid",
      'expected a v1 predict request: {"instances":[...]} or {"inputs":...}',
      {
        hint: "Give the request as the server's own JSON body.",
      },
    );
  return Buffer.from(JSON.stringify(request));
}

/**
 * By rows, `{"predictions":[...]}`, where rows that are objects are one named output a key; or by columns,
 * `{"outputs":...}`, where an object names its outputs.
 */
function tensorsOfPredict(answer: unknown): Tensor[] {
  if (!isObject(answer)) throw new Fault("upstream-protocol", "expected a JSON object");
  for (const key of ["predictions", "outputs"]) {
    const value = answer[key];
    if (value === undefined || value === null) continue;
    const isNamed = key === "outputs" ? isObject(value) : Array.isArray(value) && isRows(value);
    return tensorsOfJson(isNamed ? "" : key, value);
  }
  throw new Fault("upstream-protocol", "expected predictions or outputs");
}

function isRows(predictions: unknown[]): boolean {
  return predictions.some((row) => isObject(row) && !("b64" in row));
}
