import type { ContractCase } from "./contract-case.ts";
import type { Words } from "./words.ts";

/** Counts, pages, figures and buckets of the four documents that the bulk requests left. */
export function searchCases({
  stream,
  absent,
  elasticsearch,
  firstIndex,
  error,
  search,
}: Words): ContractCase[] {
  const inStream = { query: { bool: { filter: [{ range: { "event.sequence": { gte: 1, lt: 3 } } }] } } };
  return [
    {
      name: "a refresh",
      request: { method: "POST", path: `/${stream}/_refresh` },
      answer: { status: 200, body: { _shards: { failed: 0 } } },
    },
    {
      name: "a count",
      request: { method: "GET", path: `/${stream}/_count` },
      answer: { status: 200, body: { count: 4 } },
    },
    {
      name: "a count of some",
      request: { method: "POST", path: `/${stream}/_count`, body: inStream },
      answer: { status: 200, body: { count: 2 } },
    },
    {
      name: "a count of a stream that is not there",
      request: { method: "POST", path: `/${absent}/_count`, body: inStream },
      answer: { status: 404, body: error("index_not_found_exception") },
    },
    {
      name: "a search of a stream that is not there",
      request: { method: "POST", path: `/${absent}/_search`, body: {} },
      answer: { status: 404, body: error("index_not_found_exception") },
    },
    {
      name: "documents by id, with a part of them",
      request: search({
        query: { ids: { values: ["l.0", "l.3", "l.none"] } },
        _source: ["event.hash"],
        sort: [{ "event.sequence": { order: "asc" } }],
      }),
      answer: {
        status: 200,
        body: {
          hits: {
            total: { value: 2, relation: "eq" },
            hits: [
              { _id: "l.0", _index: firstIndex, _source: { event: { hash: "h0" } }, sort: [0] },
              { _id: "l.3", _source: { event: { hash: "h3" } }, sort: [3] },
            ],
          },
        },
      },
    },
    {
      name: "a page after a place",
      request: search({
        size: 2,
        sort: [{ "event.action": { order: "asc" } }, { "event.sequence": { order: "desc" } }],
        search_after: ["even", 2],
        track_total_hits: false,
        _source: false,
      }),
      answer: { status: 200, body: { hits: { hits: [{ _id: "l.0" }, { _id: "l.3", sort: ["odd", 3] }] } } },
    },
    {
      name: "conditions of each kind",
      request: search({
        size: 10,
        _source: false,
        sort: ["event.sequence"],
        query: {
          bool: {
            filter: [
              { terms: { "event.action": ["even", "odd"] } },
              { exists: { field: "event.hash" } },
              { prefix: { "event.hash": { value: "h" } } },
              { match: { message: { query: "failed two", operator: "and" } } },
              { range: { "@timestamp": { gte: 0, format: "epoch_millis" } } },
            ],
            must_not: [{ term: { "locum.details.b": "true" } }, { term: { "event.nothing": "x" } }],
            should: [
              { term: { "event.sequence": 0 } },
              { term: { "event.sequence": "3" } },
              { match_none: {} },
            ],
            minimum_should_match: 1,
          },
        },
      }),
      answer: { status: 200, body: { hits: { hits: [{ _id: "l.0" }, { _id: "l.3" }] } } },
    },
    {
      name: "figures and buckets",
      request: search({
        size: 0,
        aggs: {
          n: { value_count: { field: "event.sequence" } },
          least: { min: { field: "event.sequence" } },
          most: { max: { field: "event.sequence" } },
          all: { stats: { field: "event.sequence" } },
          kinds: { terms: { field: "event.action" }, aggs: { last: { max: { field: "event.sequence" } } } },
          different: { cardinality: { field: "event.action" } },
          blocks: { histogram: { field: "event.sequence", interval: 2, min_doc_count: 1 } },
          hours: { date_histogram: { field: "@timestamp", fixed_interval: "3600000ms", min_doc_count: 1 } },
          two: {
            filters: { filters: { odd: { term: { "event.action": "odd" } }, none: { match_none: {} } } },
          },
          details: { terms: { field: "locum.details.b" } },
        },
      }),
      answer: {
        status: 200,
        body: {
          hits: { total: { value: 4 }, hits: [] },
          aggregations: {
            n: { value: 4 },
            least: { value: 0 },
            most: { value: 3 },
            all: { count: 4, min: 0, max: 3, avg: 1.5, sum: 6 },
            kinds: {
              buckets: [
                { key: "even", doc_count: 2, last: { value: 2 } },
                { key: "odd", doc_count: 2, last: { value: 3 } },
              ],
            },
            different: { value: 2 },
            blocks: {
              buckets: [
                { key: 0, doc_count: 2 },
                { key: 2, doc_count: 2 },
              ],
            },
            hours: { buckets: [{ key: 1_767_322_800_000, doc_count: 4 }] },
            two: { buckets: { odd: { doc_count: 2 }, none: { doc_count: 0 } } },
          },
        },
      },
    },
    {
      name: "figures over nothing",
      request: search({
        size: 0,
        query: { match_none: {} },
        aggs: { least: { min: { field: "event.sequence" } }, all: { stats: { field: "event.sequence" } } },
      }),
      answer: {
        status: 200,
        body: { aggregations: { least: { value: null }, all: { count: 0, min: null, max: null, sum: 0 } } },
      },
    },
    {
      name: "a stream that is not there, where that is no matter",
      request: {
        method: "POST",
        path: `/${absent}/_search`,
        query: { ignore_unavailable: true, allow_no_indices: true },
        body: { sort: [{ "event.sequence": { order: "asc", missing: "_last" } }] },
      },
      answer: { status: 200, body: { timed_out: false, _shards: { failed: 0 }, hits: { hits: [] } } },
    },
    {
      name: "a pattern of streams that stands for nothing",
      request: {
        method: "POST",
        path: `/${absent}-*/_search`,
        query: { allow_partial_search_results: false },
        body: { size: 0, track_total_hits: true },
      },
      answer: { status: 200, body: { _shards: { failed: 0 }, hits: { total: { value: 0 } } } },
    },
    {
      name: "a page that is a filter, and figures over everything",
      request: search({
        size: 1,
        track_total_hits: true,
        sort: ["event.sequence"],
        _source: false,
        post_filter: { range: { "event.sequence": { gt: 1 } } },
        aggs: { n: { value_count: { field: "event.sequence" } } },
      }),
      answer: {
        status: 200,
        body: { hits: { total: { value: 2 }, hits: [{ _id: "l.2" }] }, aggregations: { n: { value: 4 } } },
      },
    },
    {
      name: "what is sorted by and missing comes last",
      request: search({
        size: 1,
        sort: [
          { "event.nothing": { order: "asc", missing: "_last", unmapped_type: "long" } },
          "event.sequence",
        ],
        _source: false,
      }),
      answer: { status: 200, body: { hits: { hits: [{ _id: "l.0" }] } } },
    },
    {
      name: "a query that nobody knows",
      request: search({ query: { nothing: {} } }),
      answer: { status: 400, body: error("parsing_exception") },
    },
    {
      name: "more hits than a window holds",
      request: search({ size: 10_001 }),
      answer: { status: 400, body: error("search_phase_execution_exception") },
    },
    {
      name: "a document of a stream has no address",
      request: { method: "GET", path: `/${stream}/_doc/l.0` },
      answer: { status: 404, body: error("index_not_found_exception") },
    },
    {
      name: "what a name stands for",
      request: { method: "GET", path: `/_resolve/index/${stream}` },
      answer: {
        status: 200,
        body: {
          data_streams: [{ name: stream, backing_indices: [firstIndex], timestamp_field: "@timestamp" }],
        },
      },
    },
    {
      name: "a name that stands for nothing, to Elasticsearch",
      families: elasticsearch,
      request: { method: "GET", path: `/_resolve/index/${absent}` },
      answer: { status: 404, body: error("index_not_found_exception") },
    },
    {
      name: "a name that stands for nothing, to OpenSearch",
      families: ["opensearch-3"],
      request: { method: "GET", path: `/_resolve/index/${absent}` },
      answer: { status: 200, body: { indices: [], data_streams: [] } },
    },
    {
      name: "a pattern that stands for nothing",
      request: { method: "GET", path: `/_resolve/index/${absent}-*` },
      answer: { status: 200, body: { indices: [], data_streams: [] } },
    },
  ];
}
