import { applySetup, openElasticsearch, setupPlan } from "@locum/audit/elasticsearch";
import { dashboards, isAuditSource, type PanelCondition, panelSearch } from "@locum/dashboards";
import { kibanaLibrary, kibanaRules, luceneOf } from "@locum/dashboards/write";
import { describe, expect, test } from "vitest";
import { type AuditServer, auditServer } from "../dashboards/audit-server.ts";
import { firstMs, fixtureEvents, fixtureProjection, hourMs } from "../dashboards/fixture-log.ts";
import { readNdjson } from "../dashboards/saved-objects.ts";
import { families } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";

const missing = realServersMissing();
const view = { fromMs: firstMs, toMs: firstMs + 100 * hourMs, intervalMs: hourMs };
const panels = dashboards.flatMap(({ id, panels: all }) =>
  all.flatMap(({ id: panel, source }) =>
    isAuditSource(source) ? [{ name: `${id}/${panel}`, search: panelSearch(source, view) }] : [],
  ),
);

const filters = dashboards.flatMap(({ id, panels: all }) =>
  all.flatMap(({ id: panel, source }): [string, readonly PanelCondition[]][] => {
    if (!isAuditSource(source)) return [];
    const groups = source.kind === "groups" ? Object.entries(source.groups) : [];
    return [
      [`${id}/${panel}`, source.filter],
      ...groups.map(([label, condition]): [string, readonly PanelCondition[]] => [
        `${id}/${panel}/${label}`,
        [...source.filter, condition],
      ]),
    ];
  }),
);

describe.skipIf(missing)(`dashboards over a real server${missing ? ` (${missing})` : ""}`, () => {
  test.for(families)("%s", { timeout: 600_000 }, async (family) => {
    const real = await startRealServer(family);
    const server = openElasticsearch({ url: real.url });
    const projection = fixtureProjection();
    try {
      await applySetup(server, await setupPlan(server));
      const audit = auditServer(server, "default");
      await audit.put(fixtureEvents);

      for (const { name, search: question } of panels) {
        expect.soft(await audit.answer(question), name).toEqual(projection.search(question));
      }
      // What Grafana asks instead: query strings, which must find as many records.
      for (const [name, filter] of filters) {
        const count = { kind: "count", filter } as const;
        const { panel } = projection.search(panelSearch(count, view)).aggregations;
        const expected = panel && "buckets" in panel ? panel.buckets[0]?.count : undefined;
        expect.soft(await audit.count(queryString(luceneOf(filter))), name).toBe(expected);
      }
      for (const { id, body } of kibanaRules()) {
        const { esQuery } = body.params as { esQuery?: string };
        if (esQuery === undefined) continue;
        expect.soft(await audit.count(JSON.parse(esQuery).query), id).toBeGreaterThan(0);
      }
      if (family !== "opensearch-3") await factsOfTheDataView(audit);
    } finally {
      projection.close();
      await server.close();
      await real.stop();
    }
  });
});

const queryString = (query: string) => ({ query_string: { query, analyze_wildcard: true } });

/** Kibana's view reads the keys of a flattened field as runtime fields: they are found, shown and counted. */
async function factsOfTheDataView(audit: AuditServer): Promise<void> {
  const [dataView] = readNdjson(kibanaLibrary(dashboards));
  const runtime_mappings = JSON.parse(dataView?.attributes.runtimeFieldMap as string);
  const { hits, aggregations } = await audit.search({
    size: 1,
    runtime_mappings,
    query: { term: { "locum.details.failure": "wrong-output" } },
    fields: ["locum.details.failure", "locum.details.objectives"],
    sort: [{ "event.sequence": "desc" }],
    aggs: { failures: { terms: { field: "locum.details.failure" } } },
  });
  expect.soft(hits.hits[0]).toMatchObject({
    fields: { "locum.details.failure": ["wrong-output"], "locum.details.objectives": ["missed"] },
  });
  expect.soft(aggregations?.failures?.buckets).toEqual([{ key: "wrong-output", doc_count: 8 }]);
}
