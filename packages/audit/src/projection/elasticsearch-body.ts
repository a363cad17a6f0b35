import {
  type AuditAggregation,
  type AuditAnswer,
  type AuditCondition,
  type AuditRecord,
  type AuditSearch,
  auditOrder,
  elasticsearchField,
} from "@locum/contracts";
import { splitMax } from "./compile-aggregation.ts";
import { isFact } from "./sql-condition.ts";
import { termValue } from "./term-value.ts";
import { wordsOf } from "./words-of.ts";

/** The same question as a search body, for Elasticsearch 8 and 9 and OpenSearch 3. */
export function elasticsearchBody(search: AuditSearch): Record<string, unknown> {
  return {
    size: search.limit,
    track_total_hits: false,
    _source: ["event.original"],
    query: { bool: { filter: search.filter.map(queryOf) } },
    sort: auditOrder(search.sort).map(({ field, order }) => ({ [elasticsearchField(field)]: { order } })),
    ...(search.after ? afterPart(search, search.after) : {}),
    ...(Object.keys(search.aggregations).length > 0
      ? { aggs: mapValues(search.aggregations, aggregationOf) }
      : {}),
  };
}

/**
 * Where a page begins. With aggregations it is a filter that they do not see: OpenSearch leaves out whole indices that
 * are before the place, and their documents are missing in its aggregations.
 */
function afterPart(search: AuditSearch, after: NonNullable<AuditSearch["after"]>): Record<string, unknown> {
  if (Object.keys(search.aggregations).length === 0) return { search_after: after };
  const keys = auditOrder(search.sort);
  const compared = (index: number, bound: "gt" | "lt" | "equal"): Record<string, unknown> => {
    const { field } = keys[index] ?? { field: "seq" };
    const value = after[index] ?? 0;
    if (bound === "equal") return queryOf({ op: "term", field, value });
    if (typeof value === "number" && field !== "kind" && field !== "service" && field !== "actor")
      return rangeQuery({ op: "range", field, [bound]: value });
    return { range: { [elasticsearchField(field)]: { [bound]: value } } };
  };
  const should = keys.map(({ order }, index) => ({
    bool: {
      filter: [
        ...keys.slice(0, index).map((_, before) => compared(before, "equal")),
        compared(index, order === "asc" ? "gt" : "lt"),
      ],
    },
  }));
  return { post_filter: { bool: { should, minimum_should_match: 1 } } };
}

function queryOf(condition: AuditCondition): Record<string, unknown> {
  switch (condition.op) {
    case "term":
      return queryOf({ op: "terms", field: condition.field, values: [condition.value] });
    case "terms": {
      const { field, values } = condition;
      const fit = values.flatMap((value) => termValue(field, value) ?? []);
      return field === "at" ? momentsQuery(fit) : { terms: { [elasticsearchField(field)]: fit } };
    }
    case "range":
      return rangeQuery(condition);
    case "exists":
      return { exists: { field: elasticsearchField(condition.field) } };
    case "prefix":
      return { prefix: { [elasticsearchField(condition.field)]: { value: condition.value } } };
    case "text": {
      const words = wordsOf(condition.words);
      return words.length === 0
        ? { match_none: {} }
        : { match: { "locum.words": { query: words.join(" "), operator: "and" } } };
    }
    case "not":
      return { bool: { must_not: [queryOf(condition.condition)] } };
    case "any":
      return { bool: { should: condition.conditions.map(queryOf), minimum_should_match: 1 } };
  }
}

/** A date is read as milliseconds only where that is said, which `terms` cannot: 2026 is a year to it. */
function momentsQuery(moments: readonly (string | number)[]): Record<string, unknown> {
  const should = moments.map((at) => ({
    range: { [elasticsearchField("at")]: { gte: at, lt: Number(at) + 1, format: "epoch_millis" } },
  }));
  return should.length === 0 ? { match_none: {} } : { bool: { should, minimum_should_match: 1 } };
}

/**
 * Whole bounds within what every engine can count: the values are whole as well. A server refuses a bound beyond its
 * longs, and reads half a millisecond as none; OpenSearch takes `lte` of a moment before 1970 for the one before it.
 */
function rangeQuery({
  field,
  gte,
  gt,
  lte,
  lt,
}: Extract<AuditCondition, { op: "range" }>): Record<string, unknown> {
  const low = Math.max(Math.ceil(gte ?? -Infinity), Math.floor(gt ?? -Infinity) + 1);
  const high = Math.min(Math.floor(lte ?? Infinity), Math.ceil(lt ?? Infinity) - 1);
  if (low > Number.MAX_SAFE_INTEGER || high < Number.MIN_SAFE_INTEGER || low > high)
    return { match_none: {} };
  const name = elasticsearchField(field);
  const bounds = {
    ...(low >= Number.MIN_SAFE_INTEGER ? { gte: low } : {}),
    ...(high < Number.MAX_SAFE_INTEGER ? { lt: high + 1 } : {}),
  };
  return Object.keys(bounds).length === 0
    ? { exists: { field: name } }
    : { range: { [name]: { ...bounds, ...(field === "at" ? { format: "epoch_millis" } : {}) } } };
}

/**
 * How many buckets each index of a stream gives: with the ten or fifteen of a server's own choice, the most frequent of
 * all would be wrong where they are not the most frequent of each.
 */
const bucketsOfEach = 10_000;
const byCount = { shard_size: bucketsOfEach, order: [{ _count: "desc" }, { _key: "asc" }] };

function aggregationOf(aggregation: AuditAggregation): Record<string, unknown> {
  switch (aggregation.op) {
    case "terms":
      return {
        terms: {
          field: elasticsearchField(aggregation.field),
          size: aggregation.size,
          ...byCount,
        },
      };
    case "histogram":
      return {
        date_histogram: {
          field: "@timestamp",
          fixed_interval: `${aggregation.intervalMs}ms`,
          min_doc_count: 1,
        },
        ...(aggregation.by
          ? {
              aggs: {
                by: {
                  terms: {
                    field: elasticsearchField(aggregation.by),
                    size: splitMax,
                    ...byCount,
                  },
                },
              },
            }
          : {}),
      };
    case "cardinality":
      return {
        cardinality: {
          field: elasticsearchField(aggregation.field),
          precision_threshold: 40_000,
          // By values: its short cut by the terms of a field finds none of a part of a flattened one.
          ...(isFact(aggregation.field) ? { execution_hint: "direct" } : {}),
        },
      };
    case "stats":
      return { stats: { field: elasticsearchField(aggregation.field) } };
    case "filters":
      return { filters: { filters: mapValues(aggregation.filters, queryOf) } };
  }
}

type Bucket = { key: string | number; doc_count: number; by?: { buckets: Bucket[] } };
type Aggregated = Record<string, unknown> & { buckets?: Bucket[] | Record<string, { doc_count: number }> };
export type ElasticsearchAnswer = {
  hits: { hits: { _source: { event: { original: string } }; sort: (string | number)[] }[] };
  aggregations?: Record<string, Aggregated>;
};

/** The answer to `elasticsearchBody(search)` in the words of the question. */
export function readElasticsearchAnswer(
  search: AuditSearch,
  { hits: { hits }, aggregations = {} }: ElasticsearchAnswer,
): AuditAnswer {
  return {
    records: hits.map(({ _source }) => JSON.parse(_source.event.original) as AuditRecord),
    next: search.limit > 0 && hits.length === search.limit ? (hits.at(-1)?.sort ?? null) : null,
    aggregations: mapValues(search.aggregations, (aggregation, name) =>
      resultOf(aggregation, aggregations[name] ?? {}),
    ),
  };
}

function resultOf(aggregation: AuditAggregation, found: Aggregated): AuditAnswer["aggregations"][string] {
  const { buckets = [] } = found;
  const list = Array.isArray(buckets)
    ? buckets
    : Object.entries(buckets)
        .map(([key, { doc_count }]) => ({ key, doc_count }) as Bucket)
        .sort((a, b) => (a.key < b.key ? -1 : 1));
  const counted = ({ key, doc_count: count }: Bucket) => ({ key, count });
  switch (aggregation.op) {
    case "cardinality":
      return { value: Number(found.value) };
    case "stats":
      return {
        count: Number(found.count),
        min: numberOrNull(found.min),
        max: numberOrNull(found.max),
        sum: Number(found.sum),
        avg: numberOrNull(found.avg),
      };
    default:
      return {
        buckets: list.map((bucket) => ({
          ...counted(bucket),
          ...(bucket.by ? { by: bucket.by.buckets.map(counted) } : {}),
        })),
      };
  }
}

const numberOrNull = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

const mapValues = <T, R>(record: Record<string, T>, map: (value: T, name: string) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
