import { randomUUID } from "node:crypto";
import { Fault } from "@locum/contracts";
import type { ConnectOptions } from "../connect.ts";
import { deadline } from "../deadline.ts";
import { accepted } from "../http/ask-json.ts";
import { openExchange } from "../http/exchange.ts";
import { fromCache } from "../http/from-cache.ts";
import { jsonHeaders } from "../http/json-headers.ts";
import { portsAbove } from "../http/ports-above.ts";
import { type CounterGroup, prometheusCount } from "../http/prometheus-count.ts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import { tensorsOfAnswer } from "../json/tensors-of-answer.ts";
import type { CallOptions, InferAnswer, InferOptions, ModelServer, ProbeOutcome } from "../model-server.ts";
import { listWithStates, openManagement, stateOf } from "./management.ts";
import { reloadTorchserve } from "./reload.ts";

/**
 * TorchServe: inference on one port, management on the next (8080, 8081), metrics on the one after that. A request is
 * the JSON body that the model's handler takes; the answer is whatever the handler returns.
 */
export function connectTorchserve({
  metricsUrl,
  management: managementUrl,
  modelDir,
  nonce = randomUUID,
  ...exchangeOptions
}: Omit<ConnectOptions, "protocol">): ModelServer {
  const { base, ask, close } = openExchange(exchangeOptions);
  const above = portsAbove(base, 2);
  const management = openManagement(ask, managementUrl?.replace(/\/+$/, "") ?? above[0] ?? base);
  const metrics = metricsUrl ?? `${above[1] ?? base}/metrics`;

  async function infer(model: string, request: unknown, options: InferOptions): Promise<InferAnswer> {
    if (!isObject(request) && !Array.isArray(request))
      throw new Fault("request-invalid", "expected the JSON body of a prediction, an object or a list", {
        hint: "Give the request as the model's handler takes it.",
      });
    const outcome = await ask({
      method: "POST",
      path: `/predictions/${encodeURIComponent(model)}`,
      headers: jsonHeaders(options, nonce),
      body: Buffer.from(JSON.stringify(request)),
      ...options,
    });
    if (outcome.kind === "answer" && outcome.status === 404)
      throw new Fault("model-unknown", `the server does not know a model ${JSON.stringify(model)}`);
    const { headers, body, latencyMs } = accepted(outcome, `predict ${model}`);
    // TorchServe keeps no answers; a proxy in front that does says so.
    return { outputs: tensorsOfAnswer(headers, body, "answer"), latencyMs, cached: fromCache(headers) };
  }

  async function live(options: CallOptions): Promise<ProbeOutcome> {
    const outcome = await ask({ method: "GET", path: "/ping", ...options, answerBytesMax: 65_536 });
    const { latencyMs } = outcome;
    if (outcome.kind === "failed") return { ok: false, latencyMs, detail: outcome.detail };
    const { status, body } = outcome;
    const said = pingStatus(body);
    if (status === 200 && said === undefined) return { ok: false, latencyMs, detail: "protocol", status };
    // Partial Healthy and Unhealthy speak of workers: the process answers.
    const ok = said !== undefined && status < 600;
    return { ok, latencyMs, detail: ok ? "ok" : "status", status };
  }

  async function ready(model: string | undefined, options: CallOptions): Promise<ProbeOutcome> {
    const remaining = deadline(options);
    const pinged = await live(remaining());
    if (!pinged.ok || pinged.status !== 200)
      return { ...pinged, ok: false, detail: pinged.ok ? "status" : pinged.detail };
    try {
      const states =
        model === undefined
          ? (await listWithStates(management, remaining())).map(({ state }) => state)
          : [stateOf(await management.describe(model, remaining()))];
      return states.includes("READY") ? pinged : { ...pinged, ok: false, detail: "status" };
    } catch (fault) {
      if (fault instanceof Fault && fault.code === "model-unknown")
        return { ...pinged, ok: false, detail: "status", status: 404 };
      // Management is often closed to others: then the ping is all that is said, and goldens tell the rest.
      return pinged;
    }
  }

  return {
    protocol: "torchserve",
    url: base,
    live,
    ready,
    models: (options) => listWithStates(management, options),
    async metadata(model, options) {
      const { version, runtime } = await management.describe(model, options);
      const platform = ["torchserve", runtime].filter((text) => text !== "").join(" ");
      return { name: model, versions: version === "" ? [] : [version], platform, inputs: [], outputs: [] };
    },
    infer,
    reload: (model, options) => reloadTorchserve(management, { model, modelDir }, deadline(options)),
    progress: prometheusCount(ask, metrics, counters),
    close,
  };
}

/** Only where metrics_mode is prometheus; in its default mode the server writes them to a log. */
const counters: readonly CounterGroup[] = [{ families: ["ts_inference_requests_total"] }];

/** What `/ping` says: Healthy, Partial Healthy, Unhealthy. Undefined where it is no such answer. */
export function pingStatus(body: Buffer): string | undefined {
  try {
    const said = readJson(body, "upstream-protocol");
    return isObject(said) && typeof said.status === "string" && /^(partial |un)?healthy$/i.test(said.status)
      ? said.status
      : undefined;
  } catch {
    return undefined;
  }
}
