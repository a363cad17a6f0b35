import { Agent } from "node:https";
import { Fault } from "@locum/contracts";
import type { Access } from "./access.ts";
import { type Call, readText, send } from "./exchange.ts";
import { queryOf } from "./query-of.ts";
import { type KubeObject, type Place, pathOf, type Resource } from "./resource.ts";
import { statusFault } from "./status-fault.ts";
import { type WatchEvent, type WatchOptions, watch } from "./watch.ts";

export type KubernetesOptions = {
  /** Of every call but a watch. While etcd is away the API server does not answer at all. */
  timeoutMs?: number;
  bytesMax?: number;
};
export type Selectors = { labelSelector?: string | undefined; fieldSelector?: string | undefined };
type Options = { signal?: AbortSignal | undefined };

/**
 * The few calls of the Kubernetes API that Locum needs. Each has a deadline and a bounded answer; none is retried but
 * a GET that met a closed connection.
 * All throw Fault: upstream-unreachable and upstream-timeout (later), conflict (read again), not-authenticated,
 * not-authorised, not-found, request-invalid, body-too-large, upstream-protocol.
 */
export type Kubernetes = {
  access: Access;
  /** Null where there is none. */
  get(resource: Resource, place: Place, options?: Options): Promise<KubeObject | null>;
  /** Every page; `itemsMax` bounds them all. */
  list(
    resource: Resource,
    place?: Place,
    options?: Options & Selectors & { itemsMax?: number },
  ): Promise<{ items: KubeObject[]; resourceVersion: string }>;
  create(resource: Resource, place: Place, body: object, options?: Options & Manager): Promise<KubeObject>;
  /** With metadata.resourceVersion in the body a compare-and-swap: conflict where another was faster. */
  replace(resource: Resource, place: Place, body: object, options?: Options & Manager): Promise<KubeObject>;
  /** A JSON patch where the body is a list, else a merge patch. */
  patch(resource: Resource, place: Place, body: object, options?: Options & Manager): Promise<KubeObject>;
  /** Server-side apply; `force` takes fields over from other managers. */
  apply(
    resource: Resource,
    place: Place,
    body: object,
    options: Options & { fieldManager: string; force?: boolean; dryRun?: boolean },
  ): Promise<KubeObject>;
  /** False where there was none. `body` is a DeleteOptions. */
  remove(resource: Resource, place: Place, options?: Options & { body?: object }): Promise<boolean>;
  watch(resource: Resource, place?: Place, options?: WatchOptions): AsyncGenerator<WatchEvent>;
  /** A path that is no resource: `/version`, `/readyz`. JSON where it is JSON, else its text; null for 404. */
  raw(path: string, options?: Options): Promise<unknown>;
  close(): void;
};
type Manager = { fieldManager?: string; dryRun?: boolean };

export function createKubernetes(
  access: Access,
  { timeoutMs = 10_000, bytesMax = 64 * 1024 * 1024 }: KubernetesOptions = {},
): Kubernetes {
  const agent = new Agent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 4, scheduling: "lifo" });
  const ask = (call: Omit<Call, "signal">, signal?: AbortSignal) =>
    exchange({ access, agent, call, signal, timeoutMs, bytesMax });
  const write =
    (method: "POST" | "PUT") =>
    async (resource: Resource, place: Place, body: object, { signal, ...rest }: Options & Manager = {}) => {
      const path = pathOf(resource, place) + queryOf(managerQuery(rest));
      return objectIn(await ask({ method, path, body: json("application/json", body) }, signal));
    };
  return {
    access,
    get: async (resource, place, { signal } = {}) =>
      ask({ method: "GET", path: pathOf(resource, place) }, signal)
        .then(objectIn)
        .catch(orNull),
    list: (resource, place = {}, options = {}) => listAll(ask, pathOf(resource, place), options),
    create: write("POST"),
    replace: write("PUT"),
    patch: async (resource, place, body, { signal, ...rest } = {}) => {
      const type = Array.isArray(body) ? "application/json-patch+json" : "application/merge-patch+json";
      const path = pathOf(resource, place) + queryOf(managerQuery(rest));
      return objectIn(await ask({ method: "PATCH", path, body: json(type, body) }, signal));
    },
    apply: async (resource, place, body, { signal, force = false, ...rest }) => {
      const query = queryOf({ ...managerQuery(rest), ...(force ? { force: "true" } : {}) });
      // JSON is YAML; the type with +json is known from 1.33 on only.
      const sent = json("application/apply-patch+yaml", body);
      return objectIn(
        await ask({ method: "PATCH", path: pathOf(resource, place) + query, body: sent }, signal),
      );
    },
    remove: async (resource, place, { signal, body = {} } = {}) => {
      const call = {
        method: "DELETE",
        path: pathOf(resource, place),
        body: json("application/json", body),
      } as const;
      return (await ask(call, signal).catch(orNull)) !== null;
    },
    watch: (resource, place = {}, options = {}) => watch(access, pathOf(resource, place), options),
    raw: (path, { signal } = {}) => ask({ method: "GET", path }, signal).catch(orNull),
    close: () => agent.destroy(),
  };
}

type Ask = (call: Omit<Call, "signal">, signal?: AbortSignal) => Promise<unknown>;

async function exchange({
  access,
  agent,
  call,
  signal,
  timeoutMs,
  bytesMax,
}: {
  access: Access;
  agent: Agent;
  call: Omit<Call, "signal">;
  signal: AbortSignal | undefined;
  timeoutMs: number;
  bytesMax: number;
}): Promise<unknown> {
  const what = `${call.method} ${call.path.split("?", 1)[0]}`;
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const answer = await send(access, agent, {
      ...call,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    const text = await readText(answer, bytesMax);
    const isJson = answer.headers["content-type"]?.startsWith("application/json") === true;
    const body = isJson ? parse(text, what) : text;
    const status = answer.statusCode ?? 0;
    if (status < 200 || status > 299) throw statusFault(status, body, what);
    return body;
  } catch (error) {
    if (error instanceof Fault || signal?.aborted) throw error;
    const hint = "The Kubernetes API server does not answer; so it is while its etcd is away.";
    if (deadline.aborted)
      throw new Fault("upstream-timeout", `${what}: no answer within ${timeoutMs} ms`, {
        hint,
        cause: error,
      });
    throw new Fault("upstream-unreachable", `${what}: ${(error as Error).message}`, { hint, cause: error });
  }
}

const pageItems = 500;

async function listAll(
  ask: Ask,
  path: string,
  { signal, itemsMax = 50_000, labelSelector, fieldSelector }: Options & Selectors & { itemsMax?: number },
): Promise<{ items: KubeObject[]; resourceVersion: string }> {
  const items: KubeObject[] = [];
  for (let next: string | undefined; ; ) {
    const query = queryOf({ labelSelector, fieldSelector, limit: String(pageItems), continue: next });
    const page = (await ask({ method: "GET", path: path + query }, signal)) as {
      items?: KubeObject[] | null;
      metadata?: { resourceVersion?: string; continue?: string };
    };
    for (const item of page.items ?? []) items.push(item);
    if (items.length > itemsMax)
      throw new Fault("upstream-protocol", `${path}: expected at most ${itemsMax} objects, found more`, {
        hint: "Ask for fewer with a selector.",
      });
    next = page.metadata?.continue;
    if (!next) return { items, resourceVersion: page.metadata?.resourceVersion ?? "" };
  }
}

const json = (type: string, body: object): { type: string; text: string } => ({
  type,
  text: JSON.stringify(body),
});

const managerQuery = ({ fieldManager, dryRun }: Manager): Record<string, string | undefined> => ({
  fieldManager,
  ...(dryRun ? { dryRun: "All" } : {}),
});

function objectIn(body: unknown): KubeObject {
  const { metadata } = (typeof body === "object" && body !== null ? body : {}) as { metadata?: unknown };
  if (typeof metadata !== "object" || metadata === null)
    throw new Fault("upstream-protocol", "expected an object of Kubernetes, found something else", {
      hint: "Is the server of the kubeconfig a Kubernetes API server?",
    });
  return body as KubeObject;
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault("upstream-protocol", `${what}: expected JSON, found "${text.slice(0, 40)}"`, { cause });
  }
}

function orNull(error: unknown): null {
  if (error instanceof Fault && error.code === "not-found") return null;
  throw error;
}
