import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { listen } from "@locum/runtime";
import { createKubernetes, type Kubernetes } from "@locum/runtime/kubernetes";
import { testCertificate } from "../test-certificate.fixture.ts";
import { type Answer, createPodStore, type PodStore, type StoredPod } from "./pod-store.fixture.ts";

/** Pods behind real HTTPS: lists in pages, watches, patches with preconditions. What it does wrong is said by the test. */
export type ScriptedServer = Pick<PodStore, "put" | "remove"> & {
  kubernetes(options?: { timeoutMs?: number }): Kubernetes;
  pod(namespace: string, name: string): StoredPod | undefined;
  /** Sent to every open watch, as one line. */
  send(line: string): void;
  /** Accepts and says nothing, as while etcd is away. */
  hang(on: boolean): void;
  /** Ends every connection. */
  cut(): void;
  /** Answers instead of the server's own, for each POST and PATCH whose path has this end. */
  answers: Map<string, (body: Record<string, unknown>) => Answer>;
  /** `METHOD path` of every write, with what it said of labels or its reason. */
  writes: string[];
  lists(): number;
  close(): void;
};

export async function startScriptedServer({ pageItems = 2 } = {}): Promise<ScriptedServer> {
  const watches = new Set<ServerResponse>();
  const send = (line: string): void => {
    for (const watch of watches) watch.write(`${line}\n`);
  };
  const store = createPodStore(send);
  const answers: ScriptedServer["answers"] = new Map();
  const writes: string[] = [];
  let hangs = false;
  let lists = 0;

  const watch = (from: number, response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for (const line of store.since(from)) response.write(`${line}\n`);
    watches.add(response);
    response.on("close", () => watches.delete(response));
  };
  const { cert, key } = testCertificate;
  const https = createServer({ cert, key }, async (request: IncomingMessage, response) => {
    const url = new URL(request.url ?? "/", "https://h");
    const text = Buffer.concat(await request.toArray()).toString("utf8");
    if (hangs) return;
    if (request.method !== "GET") {
      const asked = { method: request.method ?? "", path: url.pathname, body: JSON.parse(text) };
      return reply(response, write(store, { answers, writes }, asked));
    }
    if (url.searchParams.get("watch") === "true")
      return watch(Number(url.searchParams.get("resourceVersion")), response);
    if (!/\/pods\/[^/]+$/.test(url.pathname)) lists += 1;
    reply(response, read(store, url, pageItems));
  });
  const { url } = await listen(https, "127.0.0.1:0", { tls: true });
  const open: Kubernetes[] = [];
  return {
    ...store,
    kubernetes({ timeoutMs = 500 } = {}) {
      const credentials = async () => ({ ca: cert, token: "t", serverName: "localhost" });
      const kubernetes = createKubernetes({ server: url, namespace: undefined, credentials }, { timeoutMs });
      open.push(kubernetes);
      return kubernetes;
    },
    pod: store.get,
    send,
    hang(on) {
      hangs = on;
    },
    cut: () => https.closeAllConnections(),
    answers,
    writes,
    lists: () => lists,
    close() {
      for (const kubernetes of open) kubernetes.close();
      https.closeAllConnections();
      https.close();
    },
  };
}

function read(store: PodStore, { pathname, searchParams }: URL, pageItems: number): Answer {
  const [, namespace, name] = /namespaces\/([^/]+)\/pods(?:\/([^/]+))?$/.exec(pathname) ?? [];
  if (name !== undefined) return one(store.get(namespace, name));
  const all = store
    .all()
    .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace);
  const at = Number(searchParams.get("continue") ?? 0);
  const more = at + pageItems < all.length ? { continue: String(at + pageItems) } : {};
  const metadata = { resourceVersion: String(store.version()), ...more };
  return { status: 200, body: { metadata, items: all.slice(at, at + pageItems) } };
}

function write(
  store: PodStore,
  { answers, writes }: Pick<ScriptedServer, "answers" | "writes">,
  { method, path, body }: { method: string; path: string; body: Record<string, unknown> },
): Answer {
  const { labels } = (body.metadata ?? {}) as { labels?: object };
  writes.push([method, path, JSON.stringify(labels ?? body.reason ?? "")].join(" "));
  const own = [...answers].find(([end]) => path.endsWith(end));
  if (own) return own[1](body);
  if (method !== "PATCH") return { status: 201, body: { metadata: {}, ...body } };
  const [, namespace, name] = /namespaces\/([^/]+)\/pods\/([^/]+)$/.exec(path) ?? [];
  const pod = store.get(namespace, name);
  return pod ? store.merge(pod, body) : one(undefined);
}

const one = (pod: StoredPod | undefined): Answer =>
  pod ? { status: 200, body: pod } : { status: 404, body: { reason: "NotFound" } };

function reply(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
