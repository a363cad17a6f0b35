import { type Aggregations, aggregate, compareValues } from "./aggregate.ts";
import { type Answer, failed, ok } from "./answers.ts";
import { type DataStream, refresh, type Store, type StoredDocument, sourceOf } from "./data-streams.ts";
import type { Source } from "./mapping.ts";
import { BadQuery, matchQuery, type Query, type Value, valuesOf } from "./match-query.ts";

export type SearchBody = {
  query?: Query;
  size?: number;
  from?: number;
  sort?: (string | Record<string, string | { order?: "asc" | "desc" }>)[] | string;
  search_after?: Value[];
  /** Of the hits, and not of what is aggregated. */
  post_filter?: Query;
  _source?: boolean | string | string[] | { includes?: string[] };
  aggs?: Aggregations;
  aggregations?: Aggregations;
  track_total_hits?: boolean | number;
};

type Key = { field: string; order: "asc" | "desc" };
type Hit = { document: StoredDocument; index: string; stream: DataStream };

/** Documents come to be seen so long after they were written, if nobody refreshes before. */
const refreshMs = 1000;
const windowMax = 10_000;

export function answerSearch(store: Store, streams: readonly DataStream[], body: SearchBody): Answer {
  const { query, size = 10, from = 0, search_after: after, aggs, aggregations = aggs } = body;
  if (size + from > windowMax)
    return failed(
      400,
      "search_phase_execution_exception",
      `Result window is too large, from + size must be less than or equal to: [10000] but was [${size + from}].`,
    );
  const keys = sortKeys(body.sort);
  const needsAll = aggregations !== undefined || body.track_total_hits !== false;
  return guarded(() => {
    let total = 0;
    const found: StoredDocument[] = [];
    const hits: (Hit & { place: Value[] })[] = [];
    for (const hit of candidates(store, streams, query, keys, after, needsAll)) {
      const { document, stream } = hit;
      if (!matchQuery(query, document, stream.mapping)) continue;
      if (aggregations) found.push(document);
      if (body.post_filter && !matchQuery(body.post_filter, document, stream.mapping)) continue;
      total += 1;
      if (size === 0) continue;
      const place = keys.map(
        ({ field }) => valuesOf(document, field, stream.mapping)[0] ?? Number.MAX_SAFE_INTEGER,
      );
      if (after && compareKeys(place, after, keys) <= 0) continue;
      hits.push({ ...hit, place });
      // In the order of their numbers no later one can come before.
      if (!needsAll && isBySeq(keys) && hits.length >= size + from) break;
    }
    if (keys.length > 0) hits.sort((a, b) => compareKeys(a.place, b.place, keys));
    return ok({
      took: 1,
      timed_out: false,
      _shards: { total: 1, successful: 1, skipped: 0, failed: 0 },
      hits: {
        ...(body.track_total_hits === false ? {} : { total: { value: total, relation: "eq" } }),
        max_score: null,
        hits: hits.slice(from, from + size).map(({ document, index, place }) => ({
          _index: index,
          _id: document.id,
          _score: null,
          ...sourcePart(document, body._source),
          ...(keys.length > 0 ? { sort: place } : {}),
        })),
      },
      ...(aggregations ? { aggregations: aggregate(aggregations, found, streams[0]?.mapping ?? {}) } : {}),
    });
  });
}

export function answerCount(store: Store, streams: readonly DataStream[], query: Query | undefined): Answer {
  return guarded(() => {
    let count = 0;
    for (const { document, stream } of candidates(store, streams, query, [], undefined, true))
      if (matchQuery(query, document, stream.mapping)) count += 1;
    return ok({ count, _shards: { total: 1, successful: 1, skipped: 0, failed: 0 } });
  });
}

function guarded(work: () => Answer): Answer {
  try {
    return work();
  } catch (error) {
    if (error instanceof BadQuery) return failed(400, "parsing_exception", error.message);
    throw error;
  }
}

/** What could match: by id where ids are asked for, by number where a span of numbers is, else everything. */
function* candidates(
  store: Store,
  streams: readonly DataStream[],
  query: Query | undefined,
  keys: readonly Key[],
  after: readonly Value[] | undefined,
  needsAll: boolean,
): Generator<Hit> {
  const ids = idsIn(query);
  const span = spanIn(query);
  const resumes = !needsAll && isBySeq(keys) && after !== undefined;
  const low = Math.max(span.low, resumes ? Number(after?.[0]) : -Infinity);
  for (const stream of streams) {
    if (store.nowMs() - stream.refreshedAtMs >= refreshMs) refresh(store, stream);
    const visible = ({ arrival }: StoredDocument): boolean => arrival <= stream.visible;
    const rows = stream.indices.map((index) => {
      if (ids) return { index: index.name, documents: ids.flatMap((id) => index.documents.get(id) ?? []) };
      if (!index.isSorted) {
        index.bySeq.sort((a, b) => (a.seq ?? -1) - (b.seq ?? -1));
        index.isSorted = true;
      }
      const start = low === -Infinity ? 0 : firstFrom(index.bySeq, low);
      return { index: index.name, documents: index.bySeq, start, end: span.high };
    });
    for (const { index, document } of merged(rows)) if (visible(document)) yield { document, index, stream };
  }
}

type Row = { index: string; documents: readonly StoredDocument[]; start?: number; end?: number };

/** The documents of several indices in the order of their numbers. */
function* merged(rows: readonly Row[]): Generator<{ index: string; document: StoredDocument }> {
  const heads = rows.map((row) => ({ ...row, at: row.start ?? 0 }));
  for (;;) {
    let least: (typeof heads)[number] | undefined;
    for (const head of heads) {
      const document = head.documents[head.at];
      if (!document || (head.end !== undefined && (document.seq ?? -1) > head.end)) continue;
      if (!least || (document.seq ?? -1) < (least.documents[least.at]?.seq ?? -1)) least = head;
    }
    const document = least?.documents[least.at];
    if (!least || !document) return;
    least.at += 1;
    yield { index: least.index, document };
  }
}

function firstFrom(documents: readonly StoredDocument[], low: number): number {
  let start = 0;
  let end = documents.length;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((documents[middle]?.seq ?? -1) < low) start = middle + 1;
    else end = middle;
  }
  return start;
}

/** The conditions that every match has to meet. */
function needed(query: Query | undefined): Query[] {
  const bool = query?.bool as { filter?: Query | Query[]; must?: Query | Query[] } | undefined;
  if (!bool) return query ? [query] : [];
  const clauses: Query[] = [bool.filter ?? [], bool.must ?? []].flat();
  return clauses.flatMap(needed);
}

function idsIn(query: Query | undefined): string[] | undefined {
  const found = needed(query).find((one) => "ids" in one)?.ids as { values: string[] } | undefined;
  return found && [...new Set(found.values)];
}

function spanIn(query: Query | undefined): { low: number; high: number } {
  let [low, high] = [-Infinity, Infinity];
  for (const { range } of needed(query)) {
    const bounds = (range as Record<string, Record<string, number>> | undefined)?.["event.sequence"];
    low = Math.max(low, bounds?.gte ?? -Infinity, bounds?.gt ?? -Infinity);
    high = Math.min(high, bounds?.lte ?? Infinity, bounds?.lt ?? Infinity);
  }
  return { low, high };
}

const isBySeq = ([first]: readonly Key[]): boolean =>
  first?.field === "event.sequence" && first.order === "asc";

function sortKeys(sort: SearchBody["sort"] = []): Key[] {
  return (Array.isArray(sort) ? sort : [sort]).map((one) => {
    if (typeof one === "string") return { field: one, order: "asc" };
    const [field = "", how] = Object.entries(one)[0] ?? [];
    const order = typeof how === "string" ? how : (how?.order ?? "asc");
    return { field, order: order === "desc" ? "desc" : "asc" };
  });
}

function compareKeys(a: readonly Value[], b: readonly Value[], keys: readonly Key[]): number {
  for (const [index, { order }] of keys.entries()) {
    const way = compareValues(a[index] ?? 0, b[index] ?? 0);
    if (way !== 0) return order === "asc" ? way : -way;
  }
  return 0;
}

function sourcePart(document: StoredDocument, wanted: SearchBody["_source"]): { _source?: Source } {
  if (wanted === false) return {};
  const source = sourceOf(document);
  if (wanted === undefined || wanted === true) return { _source: source };
  const names =
    typeof wanted === "string" ? [wanted] : Array.isArray(wanted) ? wanted : (wanted.includes ?? ["*"]);
  return { _source: pick(source, names) };
}

function pick(source: Source, names: readonly string[], path = ""): Source {
  return Object.fromEntries(
    Object.entries(source).flatMap(([key, value]) => {
      const at = `${path}${key}`;
      if (names.some((name) => name === at || name === "*" || name === `${at}.*`)) return [[key, value]];
      if (typeof value !== "object" || value === null || !names.some((name) => name.startsWith(`${at}.`)))
        return [];
      const inner = pick(value as Source, names, `${at}.`);
      return Object.keys(inner).length > 0 ? [[key, inner]] : [];
    }),
  );
}
