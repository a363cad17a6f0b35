import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Report } from "@locum/contracts";
import { type MetricFamily, prometheusContentType, renderPrometheus } from "@locum/runtime";

export type ControlView = {
  status: () => { id: string; service: string; report: Report } & Record<string, unknown>;
  /** `models`: those that it is fit for, where it is not for all. */
  ready: () => {
    ready: boolean;
    id: string;
    role: string;
    epoch: number;
    fit: boolean;
    models?: string[];
    /** Where peers read the live files, and which tree these are. */
    files?: { url: string; tree: string };
  };
  metrics: () => readonly MetricFamily[];
};

type Answer = { status: number; type: string; body: string };

/** /status, /readyz, /livez, /metrics: what peers, balancers, probes and people ask. Tells no secrets, takes no orders. */
export function createControlApi(view: ControlView): Server {
  const routes: Record<string, () => Answer> = {
    "/status": () => json(200, view.status()),
    "/readyz": () => {
      const { ready, ...said } = view.ready();
      return json(ready ? 200 : 503, said);
    },
    "/livez": () => json(200, { live: true }),
    "/metrics": () => ({
      status: 200,
      type: prometheusContentType,
      body: renderPrometheus(view.metrics()),
    }),
  };
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, keepAliveTimeout: 10_000, maxHeaderSize: 8192 },
    (request, response) => answer(routes, request, response),
  );
  server.maxConnections = 1024;
  return server;
}

function answer(
  routes: Record<string, () => Answer>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  const { status, type, body } = !route
    ? json(404, { error: { code: "not-found", message: `there is ${Object.keys(routes).join(", ")}` } })
    : request.method !== "GET" && request.method !== "HEAD"
      ? json(405, { error: { code: "request-invalid", message: "GET only" } })
      : route();
  // A body that nobody asked for is not read: its connection ends here.
  if (!request.complete && request.headers["content-length"] !== undefined)
    response.setHeader("connection", "close");
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

const json = (status: number, value: unknown): Answer => ({
  status,
  type: "application/json",
  body: `${JSON.stringify(value)}\n`,
});
