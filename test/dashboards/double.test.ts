import { applySetup, openElasticsearch, setupPlan } from "@locum/audit/elasticsearch";
import { dashboards, isAuditSource, panelSearch } from "@locum/dashboards";
import { kibanaRules } from "@locum/dashboards/write";
import { afterAll, describe, expect, test } from "vitest";
import { startDouble } from "../elasticsearch/start-double.ts";
import { auditServer } from "./audit-server.ts";
import { firstMs, fixtureEvents, fixtureProjection, hourMs } from "./fixture-log.ts";

const double = await startDouble();
const server = openElasticsearch({ url: double.url });
await applySetup(server, await setupPlan(server));
const busy = auditServer(server, "busy");
await busy.put(fixtureEvents);
const quiet = auditServer(server, "quiet");
/** What an ordinary day has: a comparison that found nothing is one of it. */
await quiet.put(
  fixtureEvents
    .filter(({ kind }) => !["audit.differ", "audit.reject", "witness.refuse"].includes(kind))
    .map((event) =>
      event.kind === "audit.reconcile"
        ? { ...event, facts: { count: 0, doubled: 0, foreign: 0, expired: 3, upTo: 100 } }
        : event,
    ),
);
const projection = fixtureProjection();
afterAll(async () => {
  projection.close();
  await server.close();
  await double.close();
});

const view = { fromMs: firstMs, toMs: firstMs + 100 * hourMs, intervalMs: hourMs };
const panels = dashboards.flatMap(({ id, panels: all }) =>
  all.flatMap(({ id: panel, source }) =>
    isAuditSource(source) ? [[`${id}/${panel}`, panelSearch(source, view)] as const] : [],
  ),
);

test.each(panels)("%s answers the same from a server as from the embedded store", async (_name, question) => {
  expect(await busy.answer(question)).toEqual(projection.search(question));
});

describe("Kibana's rule", () => {
  const rules = kibanaRules().flatMap(({ id, body }) => {
    const { esQuery } = body.params as { esQuery?: string };
    return esQuery === undefined ? [] : [[id, JSON.parse(esQuery).query as Record<string, unknown>] as const];
  });
  test.each(rules)("%s fires, and is silent on an ordinary day", async (_id, query) => {
    expect(await busy.count(query)).toBeGreaterThan(0);
    expect(await quiet.count(query)).toBe(0);
  });
});
