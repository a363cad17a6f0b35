import { Agent, request as httpsRequest } from "node:https";
import { injectConfig } from "@locum/injection";
import { createLog, listen } from "@locum/runtime";
import { createTlsServer } from "./adapters/tls-server.ts";
import { type AppDeps, createApp } from "./app.ts";
import { someSet } from "./certificates/some-set.fixture.ts";

export const testInject = injectConfig({ kubeletMin: "1.36", collector: { url: "https://c.locum" } });

export type Sent = { status: number; body: Record<string, unknown>; closes: boolean };
export type Webhook = Awaited<ReturnType<typeof startWebhook>>;

/** The webhook over TLS on loopback, with certificates of its own and a client that trusts them. */
export async function startWebhook(deps: Partial<AppDeps> = {}) {
  let set = await someSet();
  const logged: string[] = [];
  const app = createApp({
    inject: testInject,
    problems: () => [],
    certificateLeftMs: () => 1000,
    draining: () => false,
    clock: { monotonicMs: () => performance.now() },
    log: createLog({ write: (line) => void logged.push(line) }),
    ...deps,
  });
  const tls = createTlsServer(app.webhook);
  tls.use(set);
  const { port } = await listen(tls.server, "127.0.0.1:0", { tls: true });
  const keepAlive = new Agent({ keepAlive: true, maxSockets: 8 });
  return {
    app,
    logged,
    port,
    authorities: () => set.authorities,
    /** Serves what a renewal gives from now on. */
    async renew(renew: "leaf" | "authority"): Promise<void> {
      set = await someSet({ over: set, renew });
      tls.use(set);
    },
    send: (body: string | Buffer, options: SendOptions = {}): Promise<Sent> =>
      sendTo(port, body, { ca: set.authorities, agent: keepAlive, ...options }),
    close(): void {
      keepAlive.destroy();
      tls.server.closeAllConnections();
      tls.server.close();
    },
  };
}

type SendOptions = {
  path?: string;
  method?: string;
  headers?: Record<string, string | number>;
  ca?: string;
  /** False: a connection, and a handshake, of its own. */
  agent?: Agent | false;
};

/** One request over TLS to an injector of this machine; its answer has to be JSON. */
export function sendTo(
  port: number,
  body: string | Buffer,
  { path = "/inject/v1?timeout=5s", method = "POST", headers = {}, ca, agent }: SendOptions,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: "127.0.0.1",
        port,
        path,
        method,
        ca,
        agent,
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          ...headers,
        },
      },
      async (answer) => {
        const text = Buffer.concat(await answer.toArray()).toString("utf8");
        resolve({
          status: answer.statusCode ?? 0,
          body: JSON.parse(text) as Record<string, unknown>,
          closes: answer.headers.connection === "close",
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

export const reviewOf = (object: unknown, request: object = {}): object => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "u-1",
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    operation: "CREATE",
    namespace: "n",
    object,
    ...request,
  },
});

export const somePod = (metadata: object = {}, spec: object = {}): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "m-0", labels: { "locum.dev/inject": "enabled" }, ...metadata },
  spec: {
    containers: [
      {
        name: "server",
        image: "nvcr.io/nvidia/tritonserver:24.08-py3",
        args: ["tritonserver", "--model-repository=/models"],
        ports: [{ name: "http", containerPort: 8000 }],
      },
    ],
    ...spec,
  },
});
