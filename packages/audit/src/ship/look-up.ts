import { Fault } from "@locum/contracts";
import type { Elasticsearch, ServerAnswer } from "../elasticsearch/open-elasticsearch.ts";
import { errorOf, isObject } from "./bulk-outcome.ts";

/** A document that stands under an id. */
export type Standing = { id: string; hash: string | null; isEnvelope: boolean };

/**
 * Which of the ids are in any of a stream's indices, after a refresh, so that all that was taken before is seen. A
 * create answers a conflict for the index that is written to now only.
 * @throws Fault upstream-unreachable | upstream-refused: then nothing is known
 */
export async function lookUp(
  reader: Elasticsearch,
  { stream, ids, signal }: { stream: string; ids: readonly string[]; signal: AbortSignal },
): Promise<Standing[]> {
  if (!(await refresh(reader, { stream, signal }))) return [];
  const answer = await search(reader, {
    stream,
    signal,
    body: {
      // An id may stand in two indices: that has to be seen, not cut off.
      size: ids.length * 2,
      query: { ids: { values: ids } },
      _source: ["event.hash", "event.kind"],
    },
  });
  const asked = new Set(ids);
  return answer.hits.map(({ id, source }) => {
    if (!asked.has(id)) throw refused("expected documents of the ids that were asked, found others");
    const event = isObject(source.event) ? source.event : {};
    return {
      id,
      hash: typeof event.hash === "string" ? event.hash : null,
      isEnvelope: event.kind === "pipeline_error",
    };
  });
}

/** False where there is no such stream. */
export async function refresh(
  reader: Elasticsearch,
  { stream, signal }: { stream: string; signal: AbortSignal },
): Promise<boolean> {
  const answer = await reader.request({ method: "POST", path: `/${stream}/_refresh`, signal });
  if (answer.status === 404) return false;
  if (answer.status !== 200 || !isWhole(answer.body)) throw failed("a refresh", answer);
  return true;
}

/** Whatever the namespace was that a record was shipped to. */
export const anyAuditStream = "logs-locum.audit-*";

/** The documents of a log's records, both ends included. */
export const recordsQuery = (
  { first, last }: { first: number; last: number },
  logId: string,
): Record<string, unknown> => ({
  bool: {
    filter: [{ term: { "locum.log.id": logId } }, { range: { "event.sequence": { gte: first, lte: last } } }],
  },
});

export type Hit = { id: string; source: Record<string, unknown>; sort: unknown[] };
export type Found = { total: number; hits: Hit[]; aggregations: Record<string, unknown> };

/** A search that is whole or nothing: of an answer from some of the shards, all others would seem to be missing. */
export async function search(
  reader: Elasticsearch,
  { stream, body, signal }: { stream: string; body: Record<string, unknown>; signal: AbortSignal },
): Promise<Found> {
  const answer = await reader.request({
    method: "POST",
    path: `/${stream}/_search`,
    query: { allow_partial_search_results: false },
    body: { track_total_hits: true, ...body },
    signal,
  });
  const { status, body: found } = answer;
  const hits = isObject(found) && isObject(found.hits) ? found.hits : undefined;
  if (status !== 200 || !isObject(found) || !hits || !Array.isArray(hits.hits))
    throw failed("a search", answer);
  if (found.timed_out !== false || !isWhole(found))
    throw refused("a search got an answer from some of the shards");
  const total = isObject(hits.total) ? hits.total.value : hits.total;
  if (!Number.isInteger(total)) throw refused("a search got no total");
  return {
    total: Number(total),
    hits: hits.hits.map(readHit),
    aggregations: isObject(found.aggregations) ? found.aggregations : {},
  };
}

function readHit(hit: unknown): Hit {
  if (!isObject(hit) || typeof hit._id !== "string") throw refused("a search got a hit without an id");
  return {
    id: hit._id,
    source: isObject(hit._source) ? hit._source : {},
    sort: Array.isArray(hit.sort) ? hit.sort : [],
  };
}

const isWhole = (body: unknown): boolean =>
  isObject(body) && isObject(body._shards) && body._shards.failed === 0;

/** One that is busy or fails is asked again; anything else is for a person. */
function failed(what: string, answer: ServerAnswer): Fault {
  const { status } = answer;
  if (status >= 500 || status === 429 || status === 408)
    return new Fault("upstream-unreachable", `Elasticsearch: ${what} got ${told(answer)}`);
  return refused(`${what} got ${told(answer)}`);
}

const told = ({ status, body }: ServerAnswer): string => {
  const { type, reason } = errorOf(body);
  return `status ${status} ${type || reason.slice(0, 80)}`.trimEnd();
};

const refused = (message: string): Fault =>
  new Fault("upstream-refused", `Elasticsearch: ${message}`, {
    hint: "The read key needs the privileges read, view_index_metadata and maintenance on logs-locum.*.",
  });
