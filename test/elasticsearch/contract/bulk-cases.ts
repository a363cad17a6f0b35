import type { ContractCase } from "./contract-case.ts";
import type { Words } from "./words.ts";

/** Bulk requests: what is refused as a whole, and what item by item. */
export function bulkCases({
  stream,
  traits,
  elasticsearch,
  absent,
  firstIndex,
  error,
  refused,
  create,
  document,
  wrong,
  bulk,
}: Words): ContractCase[] {
  return [
    {
      name: "a stream that is not there is no place to refresh",
      request: { method: "POST", path: `/${absent}/_refresh` },
      answer: { status: 404, body: error("index_not_found_exception") },
    },
    {
      name: "the first create makes the stream",
      request: bulk(create("l.0"), document(0), create("l.1"), document(1)),
      answer: {
        status: 200,
        body: {
          errors: false,
          items: [
            { create: { _index: firstIndex, _id: "l.0", result: "created", status: 201 } },
            { create: { _index: firstIndex, _id: "l.1", result: "created", status: 201 } },
          ],
        },
      },
    },
    {
      name: "each item has its own result",
      request: bulk(
        create("l.1"),
        document(1),
        create("l.2"),
        document(2, { locum: { details: { a: 1, b: true, c: null } }, unknown: { x: [1] } }),
        create("l.bad-number"),
        wrong({ event: { sequence: "no number" } }),
        create("l.bad-object"),
        wrong({ event: { action: { a: 1 } } }),
        create("l.bad-details"),
        wrong({ locum: { details: "text" } }),
        create("l.bad-event"),
        wrong({ event: "text" }),
        create("l.no-time"),
        { event: { sequence: 9 } },
        create("l.bad-time"),
        wrong({ "@timestamp": "yesterday" }),
      ),
      answer: {
        status: 200,
        body: {
          errors: true,
          items: [
            refused("version_conflict_engine_exception", 409),
            { create: { _id: "l.2", status: 201 } },
            ...Array.from({ length: 6 }, () => refused(traits.documentError)),
          ],
        },
      },
    },
    {
      name: "a document that is no JSON",
      request: { method: "POST", path: "/_bulk", lines: [JSON.stringify(create("l.half")), '{"a":'] },
      answer: { status: 200, body: { errors: true, items: [refused(traits.documentError)] } },
    },
    {
      name: "streams take no other operation than create",
      request: bulk({ index: { _index: stream, _id: "l.3" } }, document(3)),
      answer: {
        status: 200,
        body: {
          errors: true,
          items: [{ index: { status: 400, error: { type: "illegal_argument_exception" } } }],
        },
      },
    },
    {
      name: "an operation that nobody knows",
      request: bulk({ upsert: { _index: stream, _id: "l.3" } }, document(3)),
      answer: { status: 400, body: error("illegal_argument_exception") },
    },
    {
      name: "an id of more than 512 bytes refuses the whole",
      request: bulk(create("l.4"), document(4), create("l".repeat(513)), document(5)),
      answer: { status: 400, body: error("action_request_validation_exception") },
    },
    {
      name: "only what is asked for of an answer",
      request: {
        ...bulk(create("l.3"), document(3), create("l.0"), document(0)),
        query: { filter_path: "errors,items.*.status,items.*.error.type,items.*._id" },
      },
      answer: {
        status: 200,
        body: {
          errors: true,
          items: [
            { create: { _id: "l.3", status: 201 } },
            { create: { _id: "l.0", status: 409, error: { type: "version_conflict_engine_exception" } } },
          ],
        },
      },
    },
    {
      name: "a data stream is required",
      families: elasticsearch,
      request: {
        ...bulk({ create: { _index: absent, _id: "l.0" } }, document(0)),
        query: { require_data_stream: true },
      },
      answer: {
        status: 200,
        body: { errors: true, items: [refused("index_not_found_exception", 404)] },
      },
    },
    {
      name: "OpenSearch cannot be told to require one",
      families: ["opensearch-3"],
      request: {
        ...bulk({ create: { _index: absent, _id: "l.0" } }, document(0)),
        query: { require_data_stream: true },
      },
      answer: { status: 400, body: error("illegal_argument_exception") },
    },
  ];
}
