import { randomUUID } from "node:crypto";
import { Fault, type HttpJson } from "@locum/contracts";
import type { ConnectOptions } from "../connect.ts";
import { deadline } from "../deadline.ts";
import { accepted, errorText } from "../http/ask-json.ts";
import { type Ask, openExchange } from "../http/exchange.ts";
import { fromCache } from "../http/from-cache.ts";
import { jsonHeaders } from "../http/json-headers.ts";
import { isObject } from "../json/is-object.ts";
import { readAnswer } from "../json/tensors-of-answer.ts";
import type {
  CallOptions,
  InferAnswer,
  InferOptions,
  ModelServer,
  ProbeOutcome,
  ReloadAnswer,
} from "../model-server.ts";
import { openJsonPaths } from "./json-paths.ts";

const healthBytesMax = 1024 * 1024;

/**
 * A server of no known protocol: its paths, its models and where its answers hold the outputs are configured. It
 * describes nothing, and counts nothing.
 */
export function connectHttpJson({
  httpJson,
  nonce = randomUUID,
  ...exchangeOptions
}: Omit<ConnectOptions, "protocol">): ModelServer {
  if (!httpJson)
    throw new Fault("config-invalid", "protocol http-json: expected httpJson with the server's paths", {
      hint: "At least httpJson.infer: the path that takes a request.",
    });
  const { base, ask, close } = openExchange(exchangeOptions);
  const outputsOf = openJsonPaths(httpJson.outputs);
  const isWhole = Object.values(httpJson.outputs).every((path) => path === "$");

  const ready = (model: string | undefined, options: CallOptions): Promise<ProbeOutcome> => {
    if (model !== undefined && !httpJson.models.includes(model))
      return Promise.resolve({ ok: false, latencyMs: 0, detail: "status" });
    const path = httpJson.ready ?? httpJson.live;
    return healthAt(ask, pathOf(path, model ?? httpJson.models[0] ?? ""), options);
  };

  async function infer(model: string, request: unknown, options: InferOptions): Promise<InferAnswer> {
    assertKnown(httpJson, model);
    if (!isObject(request) && !Array.isArray(request))
      throw new Fault("request-invalid", "expected the server's JSON body, an object or a list");
    const outcome = await ask({
      method: "POST",
      path: pathOf(httpJson?.infer ?? "/", model),
      headers: jsonHeaders(options, nonce),
      body: Buffer.from(JSON.stringify(request)),
      ...options,
    });
    const { headers, body, latencyMs } = accepted(outcome, `infer ${model}`);
    const answer = readAnswer(headers, body);
    if (!("json" in answer) && !isWhole)
      throw new Fault("upstream-protocol", "the answer is no JSON, and the outputs are at places in it");
    const outputs = await outputsOf("json" in answer ? answer.json : answer.text);
    return { outputs, latencyMs, cached: fromCache(headers) || "unknown" };
  }

  async function reload(model: string, options: CallOptions): Promise<ReloadAnswer> {
    if (httpJson?.reload === undefined)
      return { reloaded: false, outcome: "unsupported", detail: "no reload is configured for this server" };
    if (!httpJson.models.includes(model))
      return {
        reloaded: false,
        outcome: "load-failed",
        detail: `no model ${JSON.stringify(model)} is configured`,
      };
    const remaining = deadline(options);
    const outcome = await ask({ method: "POST", path: pathOf(httpJson.reload, model), ...remaining() });
    if (outcome.kind === "failed") accepted(outcome, `reload ${model}`);
    else if (outcome.status < 200 || outcome.status > 299)
      return {
        reloaded: false,
        outcome: "load-failed",
        detail: `status ${outcome.status} ${errorText(outcome.body)}`.trim(),
      };
    const now = await ready(model, remaining());
    return now.ok
      ? { reloaded: true, outcome: "loaded", detail: "loaded" }
      : { reloaded: false, outcome: "load-failed", detail: `loaded, yet not ready (${now.detail})` };
  }

  return {
    protocol: "http-json",
    url: base,
    live: (options) => healthAt(ask, pathOf(httpJson.live, httpJson.models[0] ?? ""), options),
    ready,
    async models(options) {
      const remaining = deadline(options);
      return Promise.all(
        httpJson.models.map(async (name) => {
          const { ok, detail } = await ready(name, remaining());
          return { name, state: ok ? "READY" : detail === "status" ? "UNAVAILABLE" : "UNKNOWN" };
        }),
      );
    },
    async metadata(model) {
      assertKnown(httpJson, model);
      return { name: model, versions: [], platform: "", inputs: [], outputs: [] };
    },
    infer,
    reload,
    progress: async () => undefined,
    close,
  };
}

/** The page of an application is a good answer of such a server: only its status counts. */
async function healthAt(ask: Ask, path: string, options: CallOptions): Promise<ProbeOutcome> {
  const outcome = await ask({ method: "GET", path, ...options, answerBytesMax: healthBytesMax });
  const { latencyMs } = outcome;
  if (outcome.kind === "failed") return { ok: false, latencyMs, detail: outcome.detail };
  const { status } = outcome;
  const ok = status >= 200 && status < 400;
  return { ok, latencyMs, detail: ok ? "ok" : "status", status };
}

const pathOf = (path: string, model: string): string => path.replaceAll("{model}", encodeURIComponent(model));

function assertKnown(httpJson: HttpJson | undefined, model: string): void {
  if (!httpJson?.models.includes(model))
    throw new Fault("model-unknown", `no model ${JSON.stringify(model)} in httpJson.models`);
}
