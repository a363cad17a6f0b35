import { Fault } from "@locum/contracts";
import type { Elasticsearch, ServerAnswer, ServerRequest } from "../open-elasticsearch.ts";

export type SetupServer = Elasticsearch & {
  /** What was put there, by its path. */
  objects: Map<string, Record<string, unknown>>;
  streams: Map<string, { properties: object }>;
  /** Method and path of what would have changed something. */
  changes: string[];
  /** The next so many changes are done; then it is gone. */
  failAfter(count: number): void;
};

type Kind = "elasticsearch-9" | "elasticsearch-8" | "opensearch-3" | "stripped-9" | "serverless";

const features: Record<Kind, readonly string[]> = {
  "elasticsearch-9": [
    "/_data_stream",
    "/_ilm/policy",
    "/_security/_authenticate",
    "/_security/api_key",
    "set",
  ],
  "elasticsearch-8": [
    "/_data_stream",
    "/_ilm/policy",
    "/_security/_authenticate",
    "/_security/api_key",
    "set",
  ],
  "opensearch-3": ["/_data_stream", "/_plugins/_ism/policies", "set"],
  "stripped-9": [],
  serverless: ["/_data_stream", "/_security/_authenticate", "/_security/api_key", "set"],
};

const versions: Record<Kind, Record<string, string>> = {
  "elasticsearch-9": { number: "9.5.3", build_flavor: "default" },
  "elasticsearch-8": { number: "8.19.21", build_flavor: "default" },
  "opensearch-3": { number: "3.8.0", distribution: "opensearch" },
  "stripped-9": { number: "9.5.3" },
  serverless: { number: "8.11.0", build_flavor: "serverless" },
};

/** As much of a server as the set-up asks: settings come back as texts, and ISM wants its sequence numbers. */
export function openSetupServer(kind: Kind, version: Record<string, string> = versions[kind]): SetupServer {
  const objects: SetupServer["objects"] = new Map();
  const streams: SetupServer["streams"] = new Map();
  const changes: string[] = [];
  let left = Number.POSITIVE_INFINITY;
  const headers: ServerAnswer["headers"] =
    kind === "opensearch-3"
      ? { "x-opensearch-version": "OpenSearch/3.8.0" }
      : { "x-elastic-product": "Elasticsearch" };
  const answer = (status: number, body: unknown): ServerAnswer => ({ status, headers, body });

  const get = (path: string): ServerAnswer => {
    if (path === "/")
      return kind === "stripped-9"
        ? answer(405, { error: "Incorrect HTTP method" })
        : answer(200, { version });
    if (path === "/_nodes/_local") return answer(200, { nodes: { n: { version: version.number } } });
    if (path === "/_nodes/ingest") {
      const processors = features[kind].includes("set") ? [{ type: "set" }] : [];
      return answer(200, { nodes: { n: { ingest: { processors } } } });
    }
    if (path === "/_resolve/index/logs-locum.*")
      return answer(200, {
        indices: [...objects.keys()].filter((name) => name.startsWith("logs-")).map((name) => ({ name })),
        data_streams: [...streams.keys()].map((name) => ({ name, backing_indices: [`.ds-${name}-1`] })),
      });
    const stream = streams.get(path.replace(/^\/\.ds-(.+)-1\/_mapping$/, "$1"));
    if (stream) return answer(200, { [path.slice(1, -"/_mapping".length)]: { mappings: stream } });
    const found = objects.get(path);
    if (found) return answer(200, wrapped(path, found));
    if (path === "/_security/api_key" && features[kind].includes(path)) {
      const keys = [...objects].filter(([key]) => key.startsWith("key "));
      return answer(200, {
        api_keys: keys.map(([key, { name }]) => ({ id: key, name, invalidated: false })),
      });
    }
    if (features[kind].includes(path)) return answer(200, {});
    return /^\/_(?:component_template|index_template|ingest\/pipeline|ilm\/policy|plugins\/_ism\/policies)\//.test(
      path,
    )
      ? answer(404, {})
      : answer(400, { error: `no handler found for uri [${path}] and method [GET]` });
  };

  const change = ({ method, path, query = {}, body = {} }: ServerRequest): ServerAnswer => {
    if (left === 0) throw new Fault("upstream-unreachable", "gone");
    left -= 1;
    changes.push(`${method} ${path}`);
    if (path === "/_security/api_key" && method === "POST") {
      const id = `key ${objects.size}`;
      objects.set(id, body);
      return answer(200, { id, encoded: Buffer.from(id).toString("base64") });
    }
    if (method === "DELETE") {
      const ids = (body.ids as string[] | undefined) ?? [path];
      for (const id of ids) objects.delete(id);
      streams.delete(path.replace("/_data_stream/", ""));
      return answer(200, { acknowledged: true });
    }
    if (path.endsWith("/_rollover")) {
      const template = objects.get("/_component_template/locum@ecs")?.template as {
        mappings: { properties: object };
      };
      streams.set(path.slice(1, -"/_rollover".length), template.mappings);
      return answer(200, { rolled_over: true });
    }
    if (path.startsWith("/_plugins/_ism") && objects.has(path) && query.if_seq_no !== 4)
      return answer(409, { error: { reason: "version conflict" } });
    objects.set(path, structuredClone(body));
    return answer(200, { acknowledged: true });
  };

  return {
    objects,
    streams,
    changes,
    failAfter(count) {
      left = count;
    },
    request: async (request) => (request.method === "GET" ? get(request.path) : change(request)),
    close: async () => {},
  };
}

function wrapped(path: string, body: Record<string, unknown>): Record<string, unknown> {
  const name = path.split("/").at(-1) ?? "";
  const told = JSON.parse(JSON.stringify(body), (_, value) =>
    typeof value === "number" ? String(value) : value,
  );
  if (path.startsWith("/_component_template"))
    return { component_templates: [{ name, component_template: told }] };
  if (path.startsWith("/_index_template"))
    return { index_templates: [{ name, index_template: { ...told, created_date_millis: "1" } }] };
  if (path.startsWith("/_plugins")) return { _id: name, _seq_no: 4, _primary_term: 1, ...told };
  return { [name]: { version: 1, ...told } };
}
