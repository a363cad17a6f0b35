import { AuditSearch, canonicalJson } from "@locum/contracts";
import { expect, test } from "vitest";
import { noRecord, sealRecord } from "../seal-record.ts";
import { someEvent } from "../testing/some-event.ts";
import { elasticsearchBody, readElasticsearchAnswer } from "./elasticsearch-body.ts";

const search = AuditSearch.parse({
  filter: [
    { op: "term", field: "kind", value: "promote.commit" },
    { op: "terms", field: "epoch", values: [1, "2", "x", true] },
    { op: "range", field: "at", gte: 0, lt: 86_400_000 },
    { op: "not", condition: { op: "exists", field: "incident" } },
    {
      op: "any",
      conditions: [
        { op: "prefix", field: "facts.path", value: "/srv" },
        { op: "text", words: "Two 模型" },
        { op: "text", words: "!" },
      ],
    },
  ],
  sort: [{ field: "at", order: "desc" }],
  limit: 1,
  aggregations: {
    days: { op: "histogram", intervalMs: 86_400_000, by: "kind" },
    kinds: { op: "terms", field: "kind" },
    epochs: { op: "stats", field: "epoch" },
  },
});

test("a question as a search body", () => {
  const byCount = { shard_size: 10_000, order: [{ _count: "desc" }, { _key: "asc" }] };
  expect(elasticsearchBody(search)).toEqual({
    size: 1,
    track_total_hits: false,
    _source: ["event.original"],
    query: {
      bool: {
        filter: [
          { terms: { "event.action": ["promote.commit"] } },
          { terms: { "locum.epoch": [1, 2] } },
          { range: { "@timestamp": { gte: 0, lt: 86_400_000, format: "epoch_millis" } } },
          { bool: { must_not: [{ exists: { field: "locum.incident.id" } }] } },
          {
            bool: {
              should: [
                { prefix: { "locum.details.path": { value: "/srv" } } },
                { match: { "locum.words": { query: "two 模 型", operator: "and" } } },
                { match_none: {} },
              ],
              minimum_should_match: 1,
            },
          },
        ],
      },
    },
    sort: [{ "@timestamp": { order: "desc" } }, { "event.sequence": { order: "asc" } }],
    aggs: {
      days: {
        date_histogram: { field: "@timestamp", fixed_interval: "86400000ms", min_doc_count: 1 },
        aggs: { by: { terms: { field: "event.action", size: 100, ...byCount } } },
      },
      kinds: { terms: { field: "event.action", size: 10, ...byCount } },
      epochs: { stats: { field: "locum.epoch" } },
    },
  });
});

test("a page after a place is no page of its aggregations", () => {
  const next = { ...search, after: [5, 7] };
  expect(elasticsearchBody({ ...next, aggregations: {} })).toMatchObject({ search_after: [5, 7] });
  const body = elasticsearchBody(next);
  expect(body).not.toHaveProperty("search_after");
  expect(body).toMatchObject({
    post_filter: {
      bool: {
        should: [
          { bool: { filter: [{ range: { "@timestamp": { lt: 5, format: "epoch_millis" } } }] } },
          {
            bool: {
              filter: [
                {
                  bool: { should: [{ range: { "@timestamp": { gte: 5, lt: 6, format: "epoch_millis" } } }] },
                },
                { range: { "event.sequence": { gte: 8 } } },
              ],
            },
          },
        ],
      },
    },
  });
});

test("its answer in the words of the question", () => {
  const record = sealRecord(someEvent(), noRecord);
  const answer = readElasticsearchAnswer(search, {
    hits: { hits: [{ _source: { event: { original: canonicalJson(record) } }, sort: [1, 0] }] },
    aggregations: {
      days: { buckets: [{ key: 0, doc_count: 3, by: { buckets: [{ key: "k", doc_count: 3 }] } }] },
      kinds: { buckets: [{ key: "k", doc_count: 3 }] },
      epochs: { count: 0, min: null, max: null, sum: 0, avg: null },
    },
  });
  expect(answer).toEqual({
    records: [record],
    next: [1, 0],
    aggregations: {
      days: { buckets: [{ key: 0, count: 3, by: [{ key: "k", count: 3 }] }] },
      kinds: { buckets: [{ key: "k", count: 3 }] },
      epochs: { count: 0, min: null, max: null, sum: 0, avg: null },
    },
  });
});
