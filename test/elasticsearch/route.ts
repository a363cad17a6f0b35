import { answerBulk, type ItemFate } from "./answer-bulk.ts";
import { answerCount, answerSearch, type SearchBody } from "./answer-search.ts";
import { answerTemplate } from "./answer-template.ts";
import { type Answer, failed, noHandler, noSuchIndex, ok } from "./answers.ts";
import {
  type ApiKeys,
  everything,
  forbidden,
  type Holder,
  mayInCluster,
  mayOn,
  stranger,
} from "./api-keys.ts";
import { type DataStream, fits, flatSettings, refresh, rollOver, type Store } from "./data-streams.ts";
import type { Query } from "./match-query.ts";
import type { Block, RequestKind } from "./mishap.ts";

export type Request = {
  method: string;
  path: string;
  query: URLSearchParams;
  text: string;
  authorization: string | undefined;
};
export type Server = {
  store: Store;
  /** None: security is off, as on a server that was started without it. */
  keys: ApiKeys | undefined;
  fateOf(index: number, id: string): ItemFate;
};

export function kindOf(path: string): RequestKind {
  const verb = path.split("/").at(-1) ?? "";
  if (path.includes("_template/")) return "template";
  const kinds: Record<string, RequestKind> = {
    _bulk: "bulk",
    _search: "search",
    _count: "count",
    _refresh: "refresh",
  };
  return kinds[verb] ?? "other";
}

/** The answer of a server in which nothing goes wrong. */
export function answerRequest(server: Server, request: Request): Answer {
  const { store, keys } = server;
  const holder = keys ? keys.holderOf(request.authorization) : everything;
  if (!holder) return stranger;
  const { method, path } = request;
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const [first = "", second = "", third = ""] = parts;
  if (parts.length === 0) return answerRoot(store, method);
  if (first === "_bulk") return bulk(server, request, undefined, holder);
  if (first === "_index_template" || first === "_component_template") {
    if (!mayInCluster(holder, "templates")) return forbidden("indices:admin/index_template");
    const kind = first === "_index_template" ? "index" : "component";
    return answerTemplate(store, { method, kind, name: second, body: json(request) });
  }
  if (first === "_resolve" && second === "index") return answerResolve(store, third, holder);
  if (first === "_security" && keys && method === "GET")
    return ok(second === "api_key" ? { api_keys: [] } : { username: "locum" });
  if (first === "_security" && second === "api_key" && keys && method === "POST")
    return mayInCluster(holder, "manage")
      ? keys.create(json(request) ?? {})
      : forbidden("cluster:admin/xpack/security/api_key/create");
  if (first === "_ingest" && second === "pipeline")
    return answerPipeline(store, method, third, json(request));
  if (first === "_cluster" && second === "health")
    return ok({ cluster_name: "double", status: "green", timed_out: false, number_of_nodes: 1 });
  // What a log shipper asks before its first request.
  if (first === "_cat") return { status: 200, body: "0 00:00:00 double green\n" };
  if (first === "_nodes") return ok({ nodes: { double: nodeOf(store) } });
  if (first === "_data_stream") return answerDataStream(store, method, path, second);
  if (first.startsWith("_") && first !== "_all") return noHandler(method, path);
  return answerStream(server, request, first, second, holder);
}

function answerStream(server: Server, request: Request, name: string, verb: string, holder: Holder): Answer {
  const { store } = server;
  const { method, path } = request;
  if (verb === "_bulk") return bulk(server, request, name, holder);
  const names = name.split(",");
  const need =
    ({ _search: "read", _count: "read", _refresh: "maintenance", _mapping: "metadata" } as const)[verb] ??
    "manage";
  // A pattern stands for what the key may see of it; a name that it may not see is refused.
  if (!names.every((one) => one.includes("*") || mayOn(holder, need, one)))
    return forbidden(`${verb} on ${name}`);
  const streams = [...store.streams.values()].filter(
    (stream) => names.some((pattern) => fits(pattern, stream.name)) && mayOn(holder, need, stream.name),
  );
  const missing = names.find((one) => !one.includes("*") && !store.streams.has(one));
  const isLenient =
    request.query.get("ignore_unavailable") === "true" || request.query.get("allow_no_indices") === "true";
  if (missing !== undefined && !(isLenient && request.query.get("ignore_unavailable") === "true"))
    return noSuchIndex(missing);
  switch (verb) {
    case "_search":
      return answerSearch(store, streams, json(request) ?? {});
    case "_count":
      return answerCount(store, streams, json<{ query?: Query }>(request)?.query);
    case "_refresh":
      for (const stream of streams) refresh(store, stream);
      return ok({ _shards: { total: streams.length, successful: streams.length, failed: 0 } });
    case "_rollover": {
      const [stream] = streams;
      if (!stream || method !== "POST") return noSuchIndex(name);
      const { from, to } = rollOver(store, stream);
      return ok({
        acknowledged: true,
        shards_acknowledged: true,
        old_index: from,
        new_index: to,
        rolled_over: true,
        dry_run: false,
        conditions: {},
      });
    }
    case "_mapping":
      return ok(
        Object.fromEntries(
          streams.flatMap(({ indices, mapping }) =>
            indices.map((index) => [index.name, { mappings: mapping }]),
          ),
        ),
      );
    case "_settings":
      return method === "PUT" ? setBlocks(streams, json(request) ?? {}) : ok({});
    default:
      // A document of a stream has no address of its own, on a real server neither.
      return verb === "_doc" ? noSuchIndex(name) : noHandler(method, path);
  }
}

function bulk(server: Server, request: Request, defaultIndex: string | undefined, holder: Holder): Answer {
  const { store, fateOf } = server;
  const lines = request.text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  else if (lines.length > 0)
    return failed(
      400,
      "illegal_argument_exception",
      "The bulk request must be terminated by a newline [\\n]",
    );
  const answer = answerBulk(store, {
    lines,
    defaultIndex,
    query: request.query,
    fateOf,
    mayWrite: (stream, { makes }) =>
      mayOn(holder, "create_doc", stream) && (!makes || mayOn(holder, "create_index", stream)),
  });
  const refreshes = request.query.get("refresh");
  if (refreshes !== null && refreshes !== "false")
    for (const stream of store.streams.values()) refresh(store, stream);
  return answer;
}

function nodeOf({ traits }: Store): Record<string, unknown> {
  const processors = traits.whole ? [{ type: "set" }] : [];
  return { name: "n1", version: traits.version, ingest: { processors } };
}

function answerRoot({ traits, family }: Store, method: string): Answer {
  if (!traits.whole)
    return {
      status: 405,
      body: {
        error: `Incorrect HTTP method for uri [/] and method [${method}], allowed: [DELETE]`,
        status: 405,
      },
    };
  return ok({
    name: "n1",
    cluster_name: "double",
    version: { ...(family === "opensearch-3" ? { distribution: "opensearch" } : {}), number: traits.version },
  });
}

function answerResolve(store: Store, name: string, holder: Holder): Answer {
  const names = name.split(",");
  if (!names.every((one) => one.includes("*") || mayOn(holder, "metadata", one)))
    return forbidden("indices:admin/resolve/index");
  const streams = [...store.streams.values()].filter(
    (stream) => names.some((one) => fits(one, stream.name)) && mayOn(holder, "metadata", stream.name),
  );
  if (streams.length === 0 && !name.includes("*") && store.family !== "opensearch-3")
    return noSuchIndex(name);
  return ok({
    indices: [],
    aliases: [],
    data_streams: streams.map((stream) => ({
      name: stream.name,
      backing_indices: stream.indices.map((index) => index.name),
      timestamp_field: "@timestamp",
    })),
  });
}

function answerDataStream(store: Store, method: string, path: string, name: string): Answer {
  if (!store.traits.whole) return noHandler(method, path);
  const streams = [...store.streams.values()].filter((stream) => fits(name, stream.name));
  if (streams.length === 0 && !name.includes("*")) return noSuchIndex(name);
  if (method === "DELETE") {
    for (const stream of streams) store.streams.delete(stream.name);
    return ok({ acknowledged: true });
  }
  return ok({
    data_streams: streams.map((stream: DataStream) => ({
      name: stream.name,
      timestamp_field: { name: "@timestamp" },
      indices: stream.indices.map((index) => ({ index_name: index.name })),
      generation: stream.indices.length,
      status: "GREEN",
      template: stream.template,
    })),
  });
}

function answerPipeline(store: Store, method: string, name: string, body: unknown): Answer {
  if (method === "PUT") {
    const { processors = [] } = (body ?? {}) as { processors?: Record<string, unknown>[] };
    const kind = processors.flatMap((processor) => Object.keys(processor))[0];
    if (kind !== undefined && !store.traits.whole)
      return failed(400, "parse_exception", `No processor type exists with name [${kind}]`, {
        processor_type: kind,
      });
    store.pipelines.set(name, body);
    return ok({ acknowledged: true });
  }
  const pipeline = store.pipelines.get(name);
  if (pipeline === undefined) return { status: 404, body: {} };
  if (method === "DELETE") store.pipelines.delete(name);
  return ok(method === "DELETE" ? { acknowledged: true } : { [name]: pipeline });
}

function setBlocks(streams: readonly DataStream[], settings: Record<string, unknown>): Answer {
  const flat = flatSettings(settings);
  const isOn = (name: string): boolean =>
    String(flat[`index.blocks.${name}`] ?? flat[`blocks.${name}`]) === "true";
  const block: Block = isOn("write") ? "write" : isOn("read_only_allow_delete") ? "flood" : "none";
  for (const { indices } of streams) for (const index of indices) index.block = block;
  return ok({ acknowledged: true });
}

function json<T = Record<string, unknown>>({ text }: Request): T | undefined {
  if (text.trim() === "") return undefined;
  return JSON.parse(text) as T;
}

export type { SearchBody };
