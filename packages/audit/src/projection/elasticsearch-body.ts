import {
  type AuditAggregation,
  type AuditAnswer,
  type AuditCondition,
  type AuditRecord,
  type AuditSearch,
  elasticsearchField,
} from "@locum/contracts";
import { sortKeys } from "./compile-page.ts";
import { termValue } from "./term-value.ts";
import { wordsOf } from "./words-of.ts";

/** The same question as a search body, for Elasticsearch 8 and 9 and OpenSearch 3. */
export function elasticsearchBody(search: AuditSearch): Record<string, unknown> {
  return {
    size: search.limit,
    track_total_hits: false,
    _source: ["event.original"],
    query: { bool: { filter: search.filter.map(queryOf) } },
    sort: sortKeys(search).map(({ field, order }) => ({ [elasticsearchField(field)]: { order } })),
    ...(search.after ? { search_after: search.after } : {}),
    ...(Object.keys(search.aggregations).length > 0
      ? { aggs: mapValues(search.aggregations, aggregationOf) }
      : {}),
  };
}

function queryOf(condition: AuditCondition): Record<string, unknown> {
  switch (condition.op) {
    case "term":
      return queryOf({ op: "terms", field: condition.field, values: [condition.value] });
    case "terms": {
      const { field, values } = condition;
      return {
        terms: { [elasticsearchField(field)]: values.flatMap((value) => termValue(field, value) ?? []) },
      };
    }
    case "range": {
      const { op: _, field, ...bounds } = condition;
      return {
        range: {
          [elasticsearchField(field)]: { ...bounds, ...(field === "at" ? { format: "epoch_millis" } : {}) },
        },
      };
    }
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

/** The most values that a histogram is split by. */
const splitMax = 100;

function aggregationOf(aggregation: AuditAggregation): Record<string, unknown> {
  switch (aggregation.op) {
    case "terms":
      return {
        terms: {
          field: elasticsearchField(aggregation.field),
          size: aggregation.size,
          order: [{ _count: "desc" }, { _key: "asc" }],
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
                    order: [{ _count: "desc" }, { _key: "asc" }],
                  },
                },
              },
            }
          : {}),
      };
    case "cardinality":
      return { cardinality: { field: elasticsearchField(aggregation.field), precision_threshold: 40_000 } };
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
