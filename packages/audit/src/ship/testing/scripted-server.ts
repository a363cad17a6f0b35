import { Fault } from "@locum/contracts";
import type { Elasticsearch, ServerAnswer, ServerRequest } from "../../elasticsearch/open-elasticsearch.ts";

export type Document = {
  event: { sequence: number; hash: string; kind: string; original?: string };
} & Record<string, unknown>;
type Body = Record<string, unknown>;
type BulkItem = { id: string; source: Document };

/** What happens to one bulk request, or to some of its items. */
export type Mishap =
  | {
      kind:
        | "none"
        | "cut-before"
        | "cut-after"
        | "html"
        | "not-json"
        | "fewer"
        | "more"
        | "reordered"
        | "other-ids";
    }
  | { kind: "status"; status: number; type: string; applied?: boolean }
  | { kind: "rollover-before" | "rollover-after-cut" }
  | { kind: "items"; status: number; type: string; every: number; reason?: string }
  | { kind: "plain-index"; every: number }
  | { kind: "failure-store"; every: number }
  | { kind: "items-failed-but-applied"; every: number };

const stream = "logs-locum.audit-default";

/**
 * A small server in memory: one data stream of several indices, creates that conflict within the index that is written
 * to only, as the real ones do. `script` says what happens to the next bulk requests; after it nothing happens.
 */
export function createScriptedServer({
  script = [],
  family = "elasticsearch",
  bytesMax = Number.POSITIVE_INFINITY,
  refuses = () => false,
}: {
  script?: Mishap[];
  family?: "elasticsearch" | "opensearch";
  bytesMax?: number;
  /** Which documents no mapping takes. */
  refuses?: (document: Document) => boolean;
} = {}) {
  const control = newControl(script, refuses);
  const indices: Map<string, Document>[] = [new Map()];
  const quarantined: Document[] = [];
  const headers =
    family === "elasticsearch" ? { "x-elastic-product": "Elasticsearch" } : { "x-opensearch-version": "3.8" };
  const answer = (status: number, body: unknown): ServerAnswer => ({ status, headers, body });
  const error = (status: number, type: string, reason = "scripted") =>
    answer(status, { error: { type, reason }, status });
  const rollover = (): void => void indices.push(new Map());

  const bulk = (lines: readonly string[]): ServerAnswer => {
    if (!control.isSetUp) return error(404, "index_not_found_exception");
    const mishap = control.script.shift() ?? { kind: "none" };
    if (mishap.kind === "cut-before") throw cut();
    if (mishap.kind === "status" && !mishap.applied) return error(mishap.status, mishap.type);
    const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
    if (bytes > bytesMax) return answer(413, null);
    if (mishap.kind === "rollover-before") rollover();
    const items: Body[] = [];
    for (let at = 0; at < lines.length; at += 2) {
      const { create: head } = JSON.parse(lines[at] ?? "") as { create: { _id: string } };
      const source = JSON.parse(lines[at + 1] ?? "") as Document;
      items.push({
        create: create({ id: head._id, source }, at / 2, mishap, {
          indices,
          quarantined,
          refuses: control.refuses,
          forbids: control.forbids,
        }),
      });
    }
    if (mishap.kind === "rollover-after-cut") rollover();
    if (mishap.kind === "cut-after" || mishap.kind === "rollover-after-cut") throw cut();
    if (mishap.kind === "status") return error(mishap.status, mishap.type);
    return answer(200, twist(items, mishap.kind));
  };
  const all = (): [string, Document][] => indices.flatMap((index) => [...index]);
  const respond = ({ path, query = {}, lines = [], body = {} }: ServerRequest): ServerAnswer => {
    if (path === "/_bulk")
      return family === "opensearch" && query.require_data_stream
        ? error(400, "illegal_argument_exception", "unrecognized parameter: [require_data_stream]")
        : bulk(lines);
    if (control.isBlind) return { status: 403, headers: {}, body: { error: { type: "security_exception" } } };
    if (path === "/") return answer(200, { version: { number: "9.5.3" } });
    if (path.startsWith("/_index_template")) return answer(200, { index_templates: [] });
    if (path.startsWith("/_resolve/index"))
      return answer(200, { indices: [], data_streams: control.isSetUp ? [{ name: stream }] : [] });
    if (path.endsWith("/_refresh")) return answer(200, { _shards: { failed: 0 } });
    if (control.search === "forbidden") return error(403, "security_exception");
    if (path.endsWith("/_search") && control.search === "busy")
      return error(429, "circuit_breaking_exception");
    if (path.endsWith("/_search") && control.search === "partial")
      return answer(200, { ...searched(body, []), _shards: { failed: 1 } });
    if (path.endsWith("/_search")) return answer(200, searched(body, all()));
    return error(400, "illegal_argument_exception");
  };
  const server: Elasticsearch = {
    async request(request) {
      control.requests.push(request);
      control.seen();
      control.atOnce += 1;
      control.atOnceMax = Math.max(control.atOnceMax, control.atOnce);
      await new Promise(setImmediate);
      control.atOnce -= 1;
      if (control.isAway) throw cut();
      return respond(request);
    },
    close: async () => {},
  };
  return { server, control, indices, quarantined, all, rollover };
}

/** What a test turns while the server is asked. */
function newControl(script: Mishap[], refuses: (document: Document) => boolean) {
  return {
    script,
    refuses,
    /** Which documents the key may not create. */
    forbids: (_: Document): boolean => false,
    isSetUp: true,
    requests: [] as ServerRequest[],
    seen: () => {},
    isAway: false,
    /** Whether this key may not even ask what server it is. */
    isBlind: false,
    /** Of searches: from all shards, from some of them, not allowed, or too many. */
    search: "whole" as "whole" | "partial" | "forbidden" | "busy",
    atOnce: 0,
    atOnceMax: 0,
  };
}

type World = {
  indices: Map<string, Document>[];
  quarantined: Document[];
  refuses: (document: Document) => boolean;
  forbids: (document: Document) => boolean;
};

/** What a real server does with one operation. */
function create(
  { id, source }: BulkItem,
  index: number,
  mishap: Mishap,
  { indices, quarantined, refuses, forbids }: World,
): Body {
  const at = { _id: id, _index: `.ds-${stream}-${indices.length}` };
  const isHit = "every" in mishap && index % mishap.every === 0;
  if (isHit && mishap.kind === "items")
    return {
      ...at,
      status: mishap.status,
      error: { type: mishap.type, reason: mishap.reason ?? "scripted" },
    };
  if (isHit && mishap.kind === "plain-index") return { ...at, _index: stream, status: 201 };
  if (forbids(source)) return { ...at, status: 403, error: { type: "security_exception", reason: "no" } };
  // A real server reads a document before it looks for its id.
  if (refuses(source))
    return { ...at, status: 400, error: { type: "document_parsing_exception", reason: "no" } };
  const current = indices.at(-1) as Map<string, Document>;
  if (current.has(id))
    return { ...at, status: 409, error: { type: "version_conflict_engine_exception", reason: id } };
  if (isHit && mishap.kind === "failure-store") {
    quarantined.push(source);
    return { ...at, status: 201, failure_store: "used" };
  }
  current.set(id, source);
  if (isHit && mishap.kind === "items-failed-but-applied")
    return { ...at, status: 503, error: { type: "unavailable_shards_exception", reason: "scripted" } };
  return { ...at, status: 201 };
}

function searched(body: Body, all: [string, Document][]): Body {
  const matches = all.filter(([id, source]) => isMatch(body.query as Body, id, source));
  const numbers = matches.map(([, source]) => source.event.sequence);
  return {
    timed_out: false,
    _shards: { failed: 0 },
    hits: {
      total: { value: matches.length },
      hits: matches.slice(0, body.size as number).map(([_id, _source]) => ({ _id, _source })),
    },
    aggregations: {
      first: { value: numbers.length > 0 ? Math.min(...numbers) : null },
      last: { value: numbers.length > 0 ? Math.max(...numbers) : null },
    },
  };
}

/** An answer that is not about what was asked. */
const twist = (items: Body[], kind: Mishap["kind"]): unknown => {
  if (kind === "html") return "<html>it works</html>";
  if (kind === "not-json") return '{"items":[';
  if (kind === "fewer") return { items: items.slice(1) };
  if (kind === "more") return { items: [...items, ...items.slice(0, 1)] };
  // One item alone has no other order.
  if (kind === "reordered" && items.length > 1) return { items: [...items].reverse() };
  if (kind === "other-ids" || kind === "reordered")
    return { items: items.map((item) => ({ create: { ...(item.create as Body), _id: "other" } })) };
  return { items };
};

const cut = (): Fault => new Fault("upstream-unreachable", "the connection was cut");

function isMatch(query: Body, id: string, source: Document): boolean {
  const ids = query.ids as { values: string[] } | undefined;
  if (ids) return ids.values.includes(id);
  const filter = (query.bool as { filter: Body[] }).filter;
  const range = filter.find((one) => one.range)?.range as { "event.sequence": { gte: number; lte: number } };
  const { gte, lte } = range["event.sequence"];
  return source.event.sequence >= gte && source.event.sequence <= lte;
}
