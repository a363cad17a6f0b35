import type { ServerRequest } from "@locum/audit/elasticsearch";
import type { ContractCase } from "./contract-case.ts";
import type { Words } from "./words.ts";

/** What a rollover, a block and a stream that is there change. */
export function rolloverCases({
  stream,
  elasticsearch,
  firstIndex,
  secondIndex,
  error,
  refused,
  create,
  document,
  bulk,
  search,
}: Words): ContractCase[] {
  const template = `${stream}-template`;
  const blocked = (status: number) => ({
    status: 200,
    body: { errors: true, items: [refused("cluster_block_exception", status)] },
  });
  const settings = (body: Record<string, unknown>): ServerRequest => ({
    method: "PUT",
    path: `/${stream}/_settings`,
    body,
  });
  return [
    {
      name: "a rollover",
      request: { method: "POST", path: `/${stream}/_rollover` },
      answer: { status: 200, body: { old_index: firstIndex, new_index: secondIndex, rolled_over: true } },
    },
    {
      name: "an id is taken again after a rollover",
      request: { ...bulk(create("l.0"), document(0)), query: { refresh: true } },
      answer: {
        status: 200,
        body: { errors: false, items: [{ create: { _index: secondIndex, status: 201 } }] },
      },
    },
    {
      name: "and is there twice",
      request: search({ query: { ids: { values: ["l.0"] } }, _source: false }),
      answer: { status: 200, body: { hits: { total: { value: 2 } } } },
    },
    {
      name: "both write indices of the stream",
      request: { method: "GET", path: `/_resolve/index/${stream}` },
      answer: { status: 200, body: { data_streams: [{ backing_indices: [firstIndex, secondIndex] }] } },
    },
    {
      name: "a block against writes",
      request: settings({ "index.blocks.write": true }),
      answer: { status: 200, body: { acknowledged: true } },
    },
    { name: "a write against it", request: bulk(create("l.7"), document(7)), answer: blocked(403) },
    {
      name: "the block of a full disk",
      request: settings({ "index.blocks.write": false, "index.blocks.read_only_allow_delete": true }),
      answer: { status: 200 },
    },
    { name: "a write on a full disk", request: bulk(create("l.7"), document(7)), answer: blocked(429) },
    {
      name: "the block is lifted",
      request: settings({ "index.blocks.read_only_allow_delete": null }),
      answer: { status: 200 },
    },
    {
      name: "and writes go on",
      request: bulk(create("l.7"), document(7)),
      answer: { status: 200, body: { errors: false } },
    },
    {
      name: "a template that a stream was made by",
      families: elasticsearch,
      request: { method: "DELETE", path: `/_index_template/${template}` },
      answer: { status: 400, body: error("illegal_argument_exception") },
    },
  ];
}
