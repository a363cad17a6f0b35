import {
  applySetup,
  createKeys,
  type Elasticsearch,
  openElasticsearch,
  type ServerRequest,
  setupPlan,
} from "@locum/audit/elasticsearch";
import { auditDocumentId, auditStreamName } from "@locum/contracts";
import { expect } from "vitest";
import { until } from "../stack/until.ts";
import { logId, openShipRig } from "./ship-rig.ts";

const stream = auditStreamName("audit", "default");

/** The keys of the collector do for all of its work, and whoever steals one can do little with it. */
export async function expectLeastPrivilege(url: string): Promise<void> {
  const { host } = new URL(url);
  const superuser = openElasticsearch({ url: `http://locum:locum-test@${host}` });
  await applySetup(superuser, await setupPlan(superuser));
  const keys = await createKeys(superuser);
  await using rig = await openShipRig(url, { keys, reconcileMs: 100 });
  await rig.write(300);
  expect(await rig.shipper.drain({ timeoutMs: 30_000 }), JSON.stringify(rig.shipper.view())).toBe(true);
  // What it counts and compares it reads with the other key, across the stream's indices.
  await superuser.request({ method: "POST", path: `/${stream}/_rollover` });
  await rig.write(600);
  await until(() => (rig.shipper.view().reconciled?.seq ?? -1) >= 599, { what: "a reconciliation" });
  expect(rig.shipper.view()).toMatchObject({ problem: null, differing: 0, rejected: 0, quarantined: 0 });

  await expectRefused(openElasticsearch({ url, apiKey: keys.ship }), [
    { method: "POST", path: `/${stream}/_search`, body: {} },
    { method: "GET", path: `/${stream}/_count` },
    ...changes,
  ]);
  const reader = openElasticsearch({ url, apiKey: keys.read });
  expect(await itemStatus(reader, create(stream, "new"))).toBe(403);
  await expectRefused(reader, changes);

  const ship = openElasticsearch({ url, apiKey: keys.ship });
  expect(await itemStatus(ship, create(stream, auditDocumentId(logId, 599)))).toBe(409);
  expect(await itemStatus(ship, create("logs-locum.audit-other", "new"))).toBe(403);
  // A stream takes nothing but creates from anybody. Its indices would take more, and not from this key.
  const [first] = await indicesOf(superuser);
  const _id = auditDocumentId(logId, 1);
  const version = { if_seq_no: 1, if_primary_term: 1 };
  expect(await itemStatus(ship, { index: { _index: stream, _id } })).toBe(400);
  expect(await itemStatus(ship, { delete: { _index: stream, _id } })).toBe(400);
  expect(await itemStatus(ship, { index: { _index: first, _id, ...version } })).toBe(403);
  expect(await itemStatus(ship, { delete: { _index: first, _id, ...version } })).toBe(403);
  for (const client of [superuser, reader, ship]) await client.close();
}

const everything = { query: { match_all: {} } };
/** What neither key may do. */
const changes: ServerRequest[] = [
  { method: "POST", path: `/${stream}/_delete_by_query`, body: everything },
  { method: "POST", path: `/${stream}/_update_by_query`, body: everything },
  { method: "POST", path: `/${stream}/_rollover` },
  { method: "PUT", path: `/${stream}/_settings`, body: { "index.blocks.write": true } },
  { method: "DELETE", path: "/_index_template/locum.audit" },
  { method: "PUT", path: "/_component_template/locum@custom", body: { template: {} } },
  {
    method: "POST",
    path: "/_security/api_key",
    body: { name: "more", role_descriptors: { more: { cluster: ["all"] } } },
  },
];

/** A key that asks for a key with rights is answered 400, whatever else it may do. */
async function expectRefused(server: Elasticsearch, requests: readonly ServerRequest[]): Promise<void> {
  for (const request of requests) {
    const { status, body } = await server.request(request);
    const isKey = request.path === "/_security/api_key";
    expect(
      isKey ? [400, 403] : [403],
      `${request.method} ${request.path}: ${JSON.stringify(body)}`,
    ).toContain(status);
  }
  await server.close();
}

async function indicesOf(server: Elasticsearch): Promise<string[]> {
  const { body } = await server.request({ method: "GET", path: `/_resolve/index/${stream}` });
  return (body as { data_streams: { backing_indices: string[] }[] }).data_streams[0]?.backing_indices ?? [];
}

const create = (index: string, id: string): object => ({ create: { _index: index, _id: id } });

async function itemStatus(server: Elasticsearch, action: object): Promise<number | undefined> {
  const document = JSON.stringify({ "@timestamp": "2026-01-02T03:04:05.000Z" });
  const { status, body } = await server.request({
    method: "POST",
    path: "/_bulk",
    lines: [JSON.stringify(action), ...("delete" in action ? [] : [document])],
  });
  const items = (body as { items?: Record<string, { status: number }>[] } | null)?.items;
  return items ? Object.values(items[0] ?? {})[0]?.status : status;
}
