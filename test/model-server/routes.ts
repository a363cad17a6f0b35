import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody, sendJson, sendText } from "./bodies.ts";
import type { FaultOrder, Faults } from "./faults.ts";
import type { Gate } from "./gate.ts";
import { answerInfer } from "./infer.ts";
import type { Metrics } from "./metrics.ts";
import type { LoadedModel, ModelStore } from "./model-store.ts";
import { Refusal } from "./refusal.ts";

export type Deps = { store: ModelStore; faults: Faults; metrics: Metrics; gate: Gate; bodyBytesMax: number };
export type Turn = Deps & {
  request: IncomingMessage;
  response: ServerResponse;
  name: string;
  version: string | undefined;
};
type Route = { method: "GET" | "POST"; path: RegExp; answer(turn: Turn): Promise<void> | void };

const model = "/v2/models/(?<name>[^/]+)(?:/versions/(?<version>[^/]+))?";
const routes: Route[] = [
  { method: "GET", path: /^\/v2$/, answer: ({ response }) => sendJson(response, 200, identity) },
  { method: "GET", path: /^\/v2\/health\/live$/, answer: ({ response }) => sendText(response, 200) },
  {
    method: "GET",
    path: /^\/v2\/health\/ready$/,
    answer: ({ response, store }) => sendText(response, store.allReady() ? 200 : 400),
  },
  {
    method: "GET",
    path: new RegExp(`^${model}$`),
    answer: (turn) => sendJson(turn.response, 200, metadataOf(known(turn), turn.store.versions(turn.name))),
  },
  { method: "GET", path: new RegExp(`^${model}/ready$`), answer: modelReady },
  {
    method: "GET",
    path: new RegExp(`^${model}/config$`),
    answer: (turn) => sendJson(turn.response, 200, configOf(known(turn))),
  },
  { method: "POST", path: new RegExp(`^${model}/infer$`), answer: (turn) => answerInfer(turn, known(turn)) },
  { method: "POST", path: /^\/v2\/repository\/index$/, answer: repositoryIndex },
  { method: "POST", path: /^\/v2\/repository\/models\/(?<name>[^/]+)\/load$/, answer: load },
  { method: "POST", path: /^\/v2\/repository\/models\/(?<name>[^/]+)\/unload$/, answer: unload },
  {
    method: "GET",
    path: /^\/metrics$/,
    answer: ({ response, metrics }) => sendText(response, 200, metrics.text()),
  },
  {
    method: "GET",
    path: /^\/faults$/,
    answer: ({ response, faults }) => sendJson(response, 200, faults.state()),
  },
  { method: "POST", path: /^\/faults$/, answer: orderFault },
];

const identity = {
  name: "locum-model-server",
  version: "1",
  extensions: ["model_repository", "model_configuration", "binary_tensor_data", "faults"],
};

/** Answers one request. Errors are `{"error": ...}` with a status, as Triton's. */
export async function answerRequest(
  deps: Deps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const matching = routes.filter((route) => route.path.test(path));
    const route = matching.find(({ method }) => method === request.method);
    if (!route)
      throw matching.length > 0 ? new Refusal(405, "Method Not Allowed") : new Refusal(404, "Not Found");
    const { name = "", version } = route.path.exec(path)?.groups ?? {};
    await route.answer({
      ...deps,
      request,
      response,
      name: decoded(name),
      version: version === undefined ? undefined : decoded(version),
    });
  } catch (error) {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // The rest of a body that was refused is not read: the connection cannot be used again.
    if (!request.complete) response.setHeader("connection", "close");
    if (error instanceof Refusal) sendJson(response, error.status, { error: error.message });
    else sendJson(response, 500, { error: (error as Error).message.slice(0, 200) });
  }
}

function known({ store, name, version }: Turn): LoadedModel {
  const found = store.get(name, version);
  if (!found) throw new Refusal(404, `Request for unknown model: '${name}' is not found`);
  return found;
}

function modelReady({ store, name, version, response }: Turn): void {
  if (!store.get(name, version)) throw new Refusal(400, "Model version not ready");
  sendText(response, 200);
}

async function repositoryIndex({ store, request, response, bodyBytesMax }: Turn): Promise<void> {
  await readBody(request, bodyBytesMax);
  sendJson(response, 200, await store.index());
}

async function load({ store, faults, name, request, response, bodyBytesMax }: Turn): Promise<void> {
  await readBody(request, bodyBytesMax);
  await store.load(name);
  faults.reloaded();
  sendText(response, 200);
}

async function unload({ store, name, request, response, bodyBytesMax }: Turn): Promise<void> {
  await readBody(request, bodyBytesMax);
  store.unload(name);
  sendText(response, 200);
}

async function orderFault({ faults, request, response }: Turn): Promise<void> {
  const body = await readBody(request, 65_536);
  let order: FaultOrder;
  try {
    order = JSON.parse(body.toString("utf8"));
  } catch {
    throw new Refusal(400, "a fault is a JSON object");
  }
  faults.order(order);
  sendJson(response, 200, faults.state());
}

function metadataOf({ name, inputs, outputs }: LoadedModel, versions: string[]) {
  return { name, versions, platform: "onnxruntime_onnx", inputs, outputs };
}

function configOf({ name }: LoadedModel) {
  return { name, platform: "onnxruntime_onnx", backend: "onnxruntime", response_cache: { enable: false } };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, "malformed percent-encoding in the path");
  }
}
