import { applySetup, type Elasticsearch, setupPlan } from "@locum/audit/elasticsearch";
import { auditDocumentId, auditStreamName } from "@locum/contracts";
import { describe, expect, test } from "vitest";
import { families } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { logId, openShipRig } from "../elasticsearch/ship-rig.ts";
import { until } from "../stack/until.ts";

const missing = realServersMissing();
const count = 20_000;
const stream = auditStreamName("audit", "default");

/** The copy is the log, record for record, whatever happened on the way. */
describe.skipIf(missing)(`shipping to a real server${missing ? ` (${missing})` : ""}`, () => {
  test.for(families)(
    "%s: rolled over, killed and set up wrongly in between, it has every record once",
    { timeout: 600_000 },
    async (family) => {
      await using real = await startRealServer(family);
      await using rig = await openShipRig(real.url);
      const { log, server, shipper, write } = rig;
      await applySetup(server, await setupPlan(server));
      const acked = (least: number) =>
        until(() => shipper.view().acked >= least, {
          what: `${least} records: ${JSON.stringify(shipper.view())}`,
          withinMs: 120_000,
        });

      await write(5000);
      shipper.start();
      await acked(2000);
      await rollOver(server);
      await write(10_000);
      await acked(6000);
      await real.kill();
      await write(12_000);
      await until(() => shipper.view().elasticsearch === "unreachable", { what: "the outage to be seen" });
      await real.restart();
      await acked(12_000);

      await setMapping(server, { properties: { event: { properties: { reason: aDate } } } });
      await rollOver(server);
      await write(14_000);
      await until(() => shipper.view().rejected > 0, { what: "documents that no mapping takes" });
      await setMapping(server, {});
      await rollOver(server);
      await write(count);
      expect(await shipper.drain({ timeoutMs: 180_000 }), JSON.stringify(shipper.view())).toBe(true);

      // Dead letters keep what was refused; an envelope keeps its place in the stream until somebody takes it away.
      const { rejected } = shipper.view();
      expect(await shipper.replay()).toEqual({ sent: 0, left: rejected });
      expect(await shipper.drain({ timeoutMs: 60_000 })).toBe(true);
      const view = shipper.view();
      expect(view).toMatchObject({ elasticsearch: "reachable", pending: 0, quarantined: 0, differing: 0 });
      expect(view.acked + view.rejected).toBe(view.appended);
      await shipper.close();

      const documents = await everyDocument(server);
      const lines: string[] = [];
      for await (const line of log.lines(0)) lines.push(line);
      expect(lines.length).toBeGreaterThanOrEqual(count);
      expect(documents.map(({ id }) => id)).toEqual(lines.map((_, seq) => auditDocumentId(logId, seq)));
      expect(documents.filter(({ original }, index) => original !== lines[index])).toEqual([]);
      expect(documents.filter(({ kind }) => kind === "pipeline_error").length).toBe(view.rejected);
    },
  );
});

const aDate = { type: "date", ignore_malformed: false };

async function rollOver(server: Elasticsearch): Promise<void> {
  const answer = await server.request({ method: "POST", path: `/${stream}/_rollover` });
  expect(answer.status).toBe(200);
}

/** By the template that is the user's: it takes effect with the next index of the stream. */
async function setMapping(server: Elasticsearch, mappings: Record<string, unknown>): Promise<void> {
  const answer = await server.request({
    method: "PUT",
    path: "/_component_template/locum@custom",
    body: { template: { mappings } },
  });
  expect(answer).toMatchObject({ status: 200 });
}

type Found = { id: string; original: string; kind: string };

/** In the order of their numbers, and a document that is there twice is twice here. */
async function everyDocument(server: Elasticsearch): Promise<Found[]> {
  await server.request({ method: "POST", path: `/${stream}/_refresh` });
  const found: Found[] = [];
  for (let from = 0; ; from += 5000) {
    const { body } = await server.request({
      method: "POST",
      path: `/${stream}/_search`,
      body: {
        size: 10_000,
        query: { range: { "event.sequence": { gte: from, lt: from + 5000 } } },
        sort: [{ "event.sequence": "asc" }],
        _source: ["event.original", "event.kind"],
      },
    });
    const { hits } = (body as { hits: { hits: { _id: string; _source: { event: Found } }[] } }).hits;
    if (hits.length === 0) return found;
    for (const { _id, _source } of hits) found.push({ ..._source.event, id: _id });
  }
}
