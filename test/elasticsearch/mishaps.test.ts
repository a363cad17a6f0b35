import { type Elasticsearch, openElasticsearch } from "@locum/audit/elasticsearch";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Mischief, Mishap } from "./mishap.ts";
import { type ElasticsearchDouble, startDouble } from "./start-double.ts";

const stream = "logs-locum.audit-test";
let double: ElasticsearchDouble;
let server: Elasticsearch;

beforeEach(async () => {
  double = await startDouble();
  server = openElasticsearch({ url: double.url, timeoutMs: 5000 });
  double.ask("PUT", "/_index_template/t", {
    index_patterns: [stream],
    data_stream: {},
    template: {
      mappings: { dynamic: false, properties: { event: { properties: { sequence: { type: "long" } } } } },
    },
  });
});
afterEach(async () => {
  await server.close();
  await double.close();
});

const ids = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `l.${from + at}`);
const bulk = (list: readonly string[]) =>
  server.request({
    method: "POST",
    path: "/_bulk",
    lines: list.flatMap((id) => [
      JSON.stringify({ create: { _index: stream, _id: id } }),
      JSON.stringify({ "@timestamp": 0, event: { sequence: Number(id.slice(2)), hash: `h${id}` } }),
    ]),
  });
type Item = { create: { _id: string; status: number; error?: { type: string }; failure_store?: string } };
const itemsOf = ({ body }: { body: unknown }): Item["create"][] =>
  (body as { items: Item[] }).items.map(({ create }) => create);
const there = (): string[] => double.documents().map(({ id }) => id);

const whole = ids(0, 6);
/** What the client sees, and which documents are there then. */
const requests: [string, Mischief[], { status?: number; fault?: string }, string[]][] = [
  ["refused", [{ do: "answer", status: 503 }], { status: 503 }, []],
  ["refused as HTML", [{ do: "answer", status: 502, html: true }], { status: 502 }, []],
  ["delayed", [{ do: "delay", ms: 20 }], { status: 200 }, whole],
  ["cut before", [{ do: "cut", when: "before" }], { fault: "upstream-unreachable" }, []],
  ["cut after", [{ do: "cut", when: "after" }], { fault: "upstream-unreachable" }, whole],
  ["cut within", [{ do: "cut", when: "within" }], { fault: "upstream-unreachable" }, whole],
  ["half of an answer", [{ do: "lie", how: "half-json" }], { fault: "upstream-unreachable" }, whole],
  ["an outage", [{ do: "outage", ms: 60_000 }], { fault: "upstream-unreachable" }, []],
];
test.each(requests)("a request that is %s", async (_, does, { status, fault }, documents) => {
  double.script({ on: "bulk", does });
  const answer = await bulk(whole).catch((error) => error);
  expect(answer).toMatchObject(fault === undefined ? { status } : { code: fault });
  expect(there()).toEqual(documents);
  double.calm();
  expect(itemsOf(await bulk(whole)).map((item) => item.status)).toEqual(
    whole.map((id) => (documents.includes(id) ? 409 : 201)),
  );
});

test("items are refused one by one, and the others are written", async () => {
  double.script({ on: "bulk", does: [{ do: "items", which: { every: 3 }, status: 429 }] });
  const items = itemsOf(await bulk(whole));
  expect(items.map(({ status }) => status)).toEqual([201, 201, 429, 201, 201, 429]);
  expect(items[2]?.error?.type).toBe("es_rejected_execution_exception");
  expect(there()).toEqual(["l.0", "l.1", "l.3", "l.4"]);
});

test("items that go to the failure store look created", async () => {
  double.script({ on: "bulk", does: [{ do: "divert", which: { ids: "[24]$" } }] });
  const items = itemsOf(await bulk(whole));
  expect(items.map(({ status }) => status)).toEqual(whole.map(() => 201));
  expect(items.flatMap(({ _id, failure_store: used }) => (used === "used" ? [_id] : []))).toEqual([
    "l.2",
    "l.4",
  ]);
  expect(there()).toEqual(["l.0", "l.1", "l.3", "l.5"]);
  expect(double.failures().map(({ id }) => id)).toEqual(["l.2", "l.4"]);
});

test("a rollover between a lost answer and the next try doubles what is sent again", async () => {
  double.script({
    on: "bulk",
    does: [
      { do: "cut", when: "after" },
      { do: "rollover", when: "after" },
    ],
  });
  await expect(bulk(whole)).rejects.toMatchObject({ code: "upstream-unreachable" });
  await bulk(whole.slice(0, 2));
  expect(double.account([...whole, "l.9"])).toEqual({
    found: 6,
    lost: ["l.9"],
    doubled: ["l.0", "l.1"],
    strange: [],
  });
  expect(double.account(["l.0"]).strange).toEqual(whole.slice(1));
});

test("a block stays until it is lifted", async () => {
  await bulk(["l.0"]);
  double.script({ on: "bulk", does: [{ do: "block", block: "flood" }] });
  expect(itemsOf(await bulk(["l.1"]))[0]).toMatchObject({
    status: 429,
    error: { type: "cluster_block_exception" },
  });
  expect(itemsOf(await bulk(["l.1"]))[0]?.status).toBe(429);
  double.block("none");
  expect(itemsOf(await bulk(["l.1"]))[0]?.status).toBe(201);
});

test.each([
  ["fewer-items", ids(1, 6)],
  ["more-items", [...whole, "l.0"]],
  ["reversed-items", whole.toReversed()],
] as const)("an answer with %s", async (how, told) => {
  double.script({ on: "bulk", does: [{ do: "lie", how }] });
  expect(itemsOf(await bulk(whole)).map(({ _id }) => _id)).toEqual(told);
  expect(there()).toEqual(whole);
});

test("mishaps strike the requests that they are of: after some, some times, with a chance", async () => {
  const refuse: Mishap["does"] = [{ do: "answer", status: 503 }];
  double.script(
    { on: "bulk", after: 1, times: 2, does: refuse },
    { on: "count", times: "always", does: refuse },
  );
  const statuses = async (times: number, ask: () => Promise<{ status: number }>): Promise<number[]> => {
    const all: number[] = [];
    for (let time = 0; time < times; time++) all.push((await ask()).status);
    return all;
  };
  const count = () => server.request({ method: "GET", path: `/${stream}/_count` });
  expect(await statuses(5, () => bulk(["l.0"]))).toEqual([200, 503, 503, 200, 200]);
  expect(await statuses(3, count)).toEqual([503, 503, 503]);
  double.calm();
  expect(await statuses(1, count)).toEqual([200]);
  double.script({ times: "always", chance: 0.5, does: refuse });
  const some = await statuses(40, count);
  expect(new Set(some)).toEqual(new Set([200, 503]));
  expect(double.requests()).toMatchObject({ bulk: 5, count: 44 });
});

test("a document is found once its stream was refreshed after it", async () => {
  // On a clock that stands still nothing is refreshed by itself.
  await double.close();
  double = await startDouble({ nowMs: () => 0 });
  server = openElasticsearch({ url: double.url });
  double.ask("PUT", "/_index_template/t", { index_patterns: [stream], data_stream: {}, template: {} });
  const count = async () => (await server.request({ method: "GET", path: `/${stream}/_count` })).body;
  await bulk(["l.0"]);
  expect(await count()).toMatchObject({ count: 0 });
  await server.request({ method: "POST", path: `/${stream}/_refresh` });
  expect(await count()).toMatchObject({ count: 1 });
});

test("somebody with all rights alters and takes away", async () => {
  await bulk(whole);
  expect(double.tamper("l.3", (source) => ({ ...source, event: { sequence: 3, hash: "other" } }))).toBe(true);
  expect(double.tamper("l.9", (source) => source)).toBe(false);
  expect(double.remove((id) => id === "l.4")).toBe(1);
  expect(double.documents().map(({ hash }) => hash)).toEqual(["hl.0", "hl.1", "hl.2", "other", "hl.5"]);
});

test("keys may do what they were made for, and strangers nothing", async () => {
  await double.close();
  double = await startDouble({ security: true });
  const url = new URL(double.url);
  const all = openElasticsearch({ url: `http://locum:locum-test@${url.host}` });
  const template = { index_patterns: ["logs-locum.*"], data_stream: {}, template: {} };
  expect((await all.request({ method: "PUT", path: "/_index_template/t", body: template })).status).toBe(200);
  const key = async (privileges: string[]) => {
    const index = [{ names: ["logs-locum.*"], privileges }];
    const { body } = await all.request({
      method: "POST",
      path: "/_security/api_key",
      body: { name: "k", role_descriptors: { r: { index } } },
    });
    return openElasticsearch({ url: double.url, apiKey: (body as { encoded: string }).encoded });
  };
  const writer = await key(["create_doc", "auto_configure"]);
  const reader = await key(["read", "view_index_metadata"]);
  server = openElasticsearch({ url: double.url });
  expect((await bulk(["l.0"])).status).toBe(401);
  const search = { method: "POST", path: `/${stream}/_search`, body: {} } as const;
  server = reader;
  expect(itemsOf(await bulk(["l.0"]))[0]).toMatchObject({
    status: 403,
    error: { type: "security_exception" },
  });
  server = writer;
  expect(itemsOf(await bulk(["l.0"]))[0]?.status).toBe(201);
  expect((await writer.request(search)).status).toBe(403);
  expect((await reader.request(search)).status).toBe(200);
  expect((await reader.request({ method: "POST", path: `/${stream}/_refresh` })).status).toBe(403);
  for (const client of [all, reader]) await client.close();
});
