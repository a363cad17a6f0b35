import {
  applyRemoval,
  applySetup,
  documentOf,
  type Elasticsearch,
  envelopeOf,
  openElasticsearch,
  removalPlan,
  setupPlan,
} from "@locum/audit/elasticsearch";
import { type AuditEvent, auditStreamName } from "@locum/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { families } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { chainedLines } from "../evidence/chained-lines.ts";
import { arbitraryEvent } from "../evidence/some-search.ts";

const missing = realServersMissing();
const stream = auditStreamName("audit", "default");

describe.skipIf(missing)(`set-up of real servers${missing ? ` (${missing})` : ""}`, () => {
  test.for(families)(
    "%s: twice changes nothing, and taken out it is as before",
    { timeout: 300_000 },
    async (family) => {
      const real = await startRealServer(family);
      const server = openElasticsearch({ url: real.url });
      try {
        const before = await everything(server);
        const first = await setupPlan(server);
        expect(first.steps.map(({ state }) => state)).toEqual(first.steps.map(() => "absent"));
        expect(await applySetup(server, first)).toEqual({ changed: first.steps.length, same: 0 });
        const second = await setupPlan(server);
        expect(second.steps.flatMap(({ differences }) => differences)).toEqual([]);
        expect(await applySetup(server, second)).toEqual({ changed: 0, same: first.steps.length });
        await applyRemoval(server, await removalPlan(server));
        expect(await everything(server)).toEqual(before);
      } finally {
        await server.close();
        await real.stop();
      }
    },
  );

  test.for(families)(
    "%s: takes what the log takes, and keeps the line",
    { timeout: 300_000 },
    async (family) => {
      const seed = Number(process.env.LOCUM_SEED ?? Date.now() % 1_000_000);
      const real = await startRealServer(family);
      const server = openElasticsearch({ url: real.url });
      try {
        await applySetup(server, await setupPlan(server));
        const lines = chainedLines([
          ...fc.sample(arbitraryEvent, { numRuns: 200, seed }),
          ...fc.sample(hostileEvent, { numRuns: 200, seed }),
          largest,
        ]);
        expect(
          await put(server, { lines, make: (line) => documentOf(line, { logId: "log" }) }),
          `seed ${seed}`,
        ).toEqual([]);
        const other = (line: string) =>
          envelopeOf(line, { logId: "envelopes", reason: "no mapping takes it" });
        expect(await put(server, { lines, make: other }), `seed ${seed}`).toEqual([]);
        expect(await originals(server, { logId: "log", size: lines.length })).toEqual(lines);
        expect(await originals(server, { logId: "envelopes", size: lines.length })).toEqual(lines);
        // Where something says when a document came in, that is a time.
        const { traits } = await setupPlan(server);
        expect(await countOf(server, { exists: { field: "event.ingested" } })).toBe(
          traits.ingest ? lines.length * 2 : 0,
        );
        // Names that cannot stand beside each other where each fact is a field: refused alone, and nothing else is.
        const clash = chainedLines([
          { ...largest, facts: { "outcome.x": "1" } },
          { ...largest, facts: { outcome: "done" } },
        ]);
        const clashed = await put(server, {
          lines: clash,
          make: (line) => documentOf(line, { logId: "clash" }),
        });
        expect(clashed.length).toBe(family === "opensearch-3" ? 1 : 0);
        // A field of a later version is lacking: the stream goes on with a new index, once.
        await lackAField(server);
        expect(await changes(server)).toEqual([`write-index ${stream}`]);
        expect(await changes(server)).toEqual([]);
        await expect(removalPlan(server)).rejects.toMatchObject({ code: "refused" });
        if (family !== "opensearch-3") return;
        await applyRemoval(server, await removalPlan(server, { data: true }));
        expect((await server.request({ method: "GET", path: "/_data_stream" })).body).toEqual({
          data_streams: [],
        });
      } finally {
        await server.close();
        await real.stop();
      }
    },
  );
});

const text = fc.string({ unit: "binary", maxLength: 1000 });
/** A line of 200 KB: six times what one term may have. */
const largest: AuditEvent = {
  kind: "operator.order",
  at: "2026-01-02T03:04:05.000Z",
  service: "s".repeat(1000),
  instance: "i".repeat(1000),
  actor: "a".repeat(128),
  epoch: 1,
  incident: null,
  reason: "模".repeat(1000),
  facts: Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`fact${n}`, "型".repeat(1000)])),
};
const hostileEvent = fc.record({
  kind: fc.constantFrom("input.finding" as const, "operator.order" as const),
  at: fc.constantFrom("2026-01-02T03:04:05Z", "2026-01-02T03:04Z", "0001-01-01T00:00:00.1234567890123Z"),
  service: text,
  instance: fc.option(text),
  actor: fc.string({ unit: "binary", maxLength: 128 }),
  epoch: fc.maxSafeNat(),
  incident: fc.option(text),
  reason: text,
  facts: fc.dictionary(
    fc.oneof(
      fc.constantFrom("tookMs", "code", "outcome", "__proto__", "a..b", ".", "", "_value", "pod"),
      fc.string({ unit: "binary", maxLength: 64 }),
    ),
    fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
    { maxKeys: 20 },
  ),
});

/** Gives what was refused. */
async function put(
  server: Elasticsearch,
  { lines, make }: { lines: readonly string[]; make: (line: string) => { id: string; text: string } },
): Promise<unknown[]> {
  const { body } = await server.request({
    method: "POST",
    path: "/_bulk",
    query: { refresh: true },
    lines: lines.flatMap((line) => {
      const { id, text: document } = make(line);
      return [JSON.stringify({ create: { _index: stream, _id: id } }), document];
    }),
  });
  const { items } = body as { items: { create: { status: number; failure_store?: string } }[] };
  return items.filter(({ create }) => create.status !== 201 || create.failure_store === "used");
}

async function countOf(server: Elasticsearch, query: Record<string, unknown>): Promise<number> {
  const { body } = await server.request({ method: "POST", path: `/${stream}/_count`, body: { query } });
  return (body as { count: number }).count;
}

async function originals(
  server: Elasticsearch,
  { logId, size }: { logId: string; size: number },
): Promise<string[]> {
  const { body } = await server.request({
    method: "POST",
    path: `/${stream}/_search`,
    body: {
      size,
      _source: ["event.original"],
      query: { term: { "locum.log.id": logId } },
      sort: [{ "event.sequence": "asc" }],
    },
  });
  const { hits } = body as { hits: { hits: { _source: { event: { original: string } } }[] } };
  return hits.hits.map(({ _source }) => _source.event.original);
}

/** The stream goes on with an index whose template did not know a field. */
async function lackAField(server: Elasticsearch): Promise<void> {
  const path = "/_component_template/locum@ecs";
  const { body } = await server.request({ method: "GET", path });
  const [{ component_template: template }] = (
    body as { component_templates: [{ component_template: Component }] }
  ).component_templates;
  delete template.template.mappings.properties.message;
  const older = { template: template.template };
  expect(await server.request({ method: "PUT", path, body: older })).toMatchObject({ status: 200 });
  await server.request({ method: "POST", path: `/${stream}/_rollover` });
  const plan = await setupPlan(server);
  await applySetup(server, {
    ...plan,
    steps: plan.steps.filter(({ asset }) => asset.kind !== "write-index"),
  });
}
type Component = Record<string, unknown> & {
  template: { mappings: { properties: Record<string, unknown> } };
};

async function changes(server: Elasticsearch): Promise<string[]> {
  const plan = await setupPlan(server);
  await applySetup(server, plan);
  return plan.steps.filter(({ state }) => state !== "same").map(({ asset }) => `${asset.kind} ${asset.name}`);
}

/** What the set-up could have left. */
async function everything(server: Elasticsearch): Promise<unknown[]> {
  const paths = ["/_component_template", "/_index_template", "/_ingest/pipeline", "/_resolve/index/*"];
  return Promise.all(paths.map(async (path) => (await server.request({ method: "GET", path })).body));
}
