import {
  applySetup,
  createKeys,
  documentOf,
  openElasticsearch,
  type ServerRequest,
  setupPlan,
} from "@locum/audit/elasticsearch";
import { describe, expect, test } from "vitest";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { chainedLines } from "../evidence/chained-lines.ts";

// Only the whole distribution has API keys, and it is a download of a gigabyte.
const missing =
  realServersMissing() ??
  (process.env.LOCUM_ES_WHOLE === "1" ? undefined : "set LOCUM_ES_WHOLE=1 to fetch and run a whole one");
const stream = "logs-locum.audit-prod";

describe.skipIf(missing)(`keys of a real Elasticsearch${missing ? ` (${missing})` : ""}`, () => {
  test("one can add and nothing else, the other can read and nothing else", {
    timeout: 900_000,
  }, async () => {
    const real = await startRealServer("elasticsearch-9", { args: ["--full", "--security"] });
    const open = (apiKey: string) => openElasticsearch({ url: real.url, apiKey });
    const admin = openElasticsearch({ url: real.url.replace("//", "//locum:locum-test@") });
    try {
      await applySetup(admin, await setupPlan(admin, { namespace: "prod" }));
      const keys = await createKeys(admin, { namespace: "prod" });
      const ship = open(keys.ship);
      const read = open(keys.read);
      const [line = ""] = chainedLines([
        {
          kind: "verdict.change",
          at: "2026-01-02T03:04:05.000Z",
          service: "digits",
          instance: null,
          actor: "collector",
          epoch: 0,
          incident: null,
          reason: "two goldens failed",
          facts: {},
        },
      ]);
      const bulk = (index: string): ServerRequest => {
        const { id, text } = documentOf(line, { logId: "log" });
        const head = JSON.stringify({ create: { _index: index, _id: id } });
        return { method: "POST", path: "/_bulk", query: { require_data_stream: true }, lines: [head, text] };
      };
      const statusOf = async (index: string): Promise<unknown> => {
        const { body } = await ship.request(bulk(index));
        return (body as { items: { create: { status: number } }[] }).items[0]?.create.status;
      };
      expect(await statusOf(stream)).toBe(201);
      expect(await statusOf(stream)).toBe(409);
      expect(await statusOf("logs-locum.audit-other")).toBe(403);
      const search: ServerRequest = { method: "POST", path: `/${stream}/_search`, body: {} };
      const refused: [typeof ship, ServerRequest][] = [
        [ship, search],
        [ship, { method: "POST", path: `/${stream}/_update_by_query`, body: {} }],
        [ship, { method: "POST", path: `/${stream}/_delete_by_query`, body: { query: { match_all: {} } } }],
        [read, bulk(stream)],
        [read, { method: "POST", path: `/${stream}/_update_by_query`, body: {} }],
        [read, { method: "PUT", path: "/_component_template/locum@ecs", body: { template: {} } }],
      ];
      for (const [server, request] of refused)
        expect(await server.request(request), request.path).toMatchObject({ status: 403 });
      expect(await read.request({ method: "POST", path: `/${stream}/_refresh` })).toMatchObject({
        status: 200,
      });
      const found = await read.request(search);
      // The pipeline says when it came in, and changes nothing of the line.
      expect(found.body).toMatchObject({
        hits: {
          hits: [{ _source: { event: { original: line, ingested: expect.stringMatching(/^\d{4}-.+Z$/) } } }],
        },
      });
      await Promise.all([ship.close(), read.close()]);
    } finally {
      await admin.close();
      await real.stop();
    }
  });
});
