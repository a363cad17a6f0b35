import {
  applySetup,
  documentOf,
  type Elasticsearch,
  openElasticsearch,
  setupPlan,
} from "@locum/audit/elasticsearch";
import {
  type ElasticsearchAnswer,
  elasticsearchBody,
  readElasticsearchAnswer,
} from "@locum/audit/projection";
import { type AuditCondition, auditStreamName } from "@locum/contracts";
import { dashboards, isAuditSource, panelSearch } from "@locum/dashboards";
import { kibanaLibrary, kibanaRules, luceneOf } from "@locum/dashboards/write";
import { describe, expect, test } from "vitest";
import { firstMs, fixtureEvents, fixtureProjection, hourMs } from "../dashboards/fixture-log.ts";
import { readNdjson } from "../dashboards/saved-objects.ts";
import { families } from "../elasticsearch/family.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";
import { chainedLines } from "../evidence/chained-lines.ts";

const missing = realServersMissing();
const view = { fromMs: firstMs, toMs: firstMs + 100 * hourMs, intervalMs: hourMs };
const stream = auditStreamName("audit", "default");
const panels = dashboards.flatMap(({ id, panels: all }) =>
  all.flatMap(({ id: panel, source }) =>
    isAuditSource(source) ? [{ name: `${id}/${panel}`, search: panelSearch(source, view) }] : [],
  ),
);

const filters = dashboards.flatMap(({ id, panels: all }) =>
  all.flatMap(({ id: panel, source }): [string, readonly AuditCondition[]][] => {
    if (!isAuditSource(source)) return [];
    const groups = source.kind === "groups" ? Object.entries(source.groups) : [];
    return [
      [`${id}/${panel}`, source.filter],
      ...groups.map(([label, condition]): [string, readonly AuditCondition[]] => [
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
      await put(server, chainedLines(fixtureEvents));
      const ask = (body: Record<string, unknown>) => search(server, body);

      for (const { name, search: question } of panels) {
        const answer = readElasticsearchAnswer(question, await ask(elasticsearchBody(question)));
        expect.soft(answer, name).toEqual(projection.search(question));
      }
      // What Grafana asks instead: query strings, which must find as many records.
      for (const [name, filter] of filters) {
        const count = { kind: "count", filter } as const;
        const { panel } = projection.search(panelSearch(count, view)).aggregations;
        const expected = panel && "buckets" in panel ? panel.buckets[0]?.count : undefined;
        expect.soft(await countOf(ask, queryString(luceneOf(filter))), name).toBe(expected);
      }
      for (const { id, body } of kibanaRules()) {
        const { esQuery } = body.params as { esQuery?: string };
        if (esQuery === undefined) continue;
        expect.soft(await countOf(ask, JSON.parse(esQuery).query), id).toBeGreaterThan(0);
      }
      if (family !== "opensearch-3") await factsOfTheDataView(ask);
    } finally {
      projection.close();
      await server.close();
      await real.stop();
    }
  });
});

type Ask = (body: Record<string, unknown>) => Promise<ElasticsearchAnswer>;

async function search(server: Elasticsearch, body: Record<string, unknown>): Promise<ElasticsearchAnswer> {
  const answer = await server.request({ method: "POST", path: `/${stream}/_search`, body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body as ElasticsearchAnswer;
}

const queryString = (query: string) => ({ query_string: { query, analyze_wildcard: true } });

async function countOf(ask: Ask, query: Record<string, unknown>): Promise<number> {
  const answer = await ask({ size: 0, track_total_hits: true, query });
  return (answer.hits as unknown as { total: { value: number } }).total.value;
}

/** Kibana's view reads the keys of a flattened field as runtime fields: they are found, shown and counted. */
async function factsOfTheDataView(ask: Ask): Promise<void> {
  const [dataView] = readNdjson(kibanaLibrary(dashboards));
  const runtime_mappings = JSON.parse(dataView?.attributes.runtimeFieldMap as string);
  const { hits, aggregations } = await ask({
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

async function put(server: Elasticsearch, lines: readonly string[]): Promise<void> {
  const answer = await server.request({
    method: "POST",
    path: "/_bulk",
    query: { refresh: true },
    lines: lines.flatMap((line) => {
      const { id, text } = documentOf(line, { logId: "log" });
      return [JSON.stringify({ create: { _index: stream, _id: id } }), text];
    }),
  });
  expect(answer).toMatchObject({ status: 200, body: { errors: false } });
}
