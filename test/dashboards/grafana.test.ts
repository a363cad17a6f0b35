import { mappedFields } from "@locum/audit/elasticsearch";
import { dashboards } from "@locum/dashboards";
import { dashboardFiles } from "@locum/dashboards/write";
import { describe, expect, test } from "vitest";
import { metricNames } from "./metric-names.ts";
import { readPromql } from "./read-promql.ts";
import { queryFields } from "./saved-objects.ts";

type Target = {
  datasource: { type: string; uid: string };
  expr?: string;
  query?: string;
  metrics?: { type: string; field?: string }[];
  bucketAggs?: { type: string; field?: string; settings: { filters?: { query: string }[] } }[];
};
type Rendered = {
  uid: string;
  title: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string; query: string }[] };
  panels: {
    id: number;
    type: string;
    title: string;
    gridPos: { x: number; y: number; w: number; h: number };
    targets?: Target[];
    transformations?: { id: string; options: { include?: { names: string[] } } }[];
  }[];
};

const files = await dashboardFiles(dashboards);
const rendered = dashboards.map(
  ({ id }) => [id, JSON.parse(files[`grafana/locum-${id}.json`] ?? "") as Rendered] as const,
);
const metrics = await metricNames();
const isMapped = (field: string): boolean => field in mappedFields || field.startsWith("locum.details.");

describe("a query of Prometheus is read", () => {
  test.each([
    ["sum by (service) (locum_a)", { errors: [], metrics: ["locum_a"], grouped: ["service"] }],
    ['{__name__=~"locum_(a|b)_c"}', { errors: [], metrics: ["locum_a_c", "locum_b_c"], grouped: [] }],
    ["rate(locum_a_total[$__rate_interval])", { errors: [], metrics: ["locum_a_total"], grouped: [] }],
  ])("%s", (promql, read) => expect(readPromql(promql)).toEqual(read));
  test.each(["sum by (a (b)", "rate(a[5 minutes])", "a +", "sum(a) by c"])("%s is refused", (promql) =>
    expect(readPromql(promql).errors).not.toEqual([]),
  );
});

describe.each(rendered)("%s", (id, dashboard) => {
  const targets = dashboard.panels.flatMap(({ targets = [] }) => targets);

  test("is imported under our name, and asks for its data sources", () => {
    expect(dashboard).toMatchObject({ uid: `locum-${id}`, schemaVersion: 42 });
    expect(dashboard.templating.list.map(({ name, type, query }) => [name, type, query])).toEqual([
      ["audit", "datasource", "elasticsearch"],
      ["metrics", "datasource", "prometheus"],
    ]);
    for (const { datasource } of targets)
      expect(datasource.uid).toBe(datasource.type === "prometheus" ? "$metrics" : "$audit");
  });

  test("has panels of known kinds, each with an id of its own and a place in 24 columns", () => {
    const ids = dashboard.panels.map((panel) => panel.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { type, gridPos, targets } of dashboard.panels) {
      expect(["stat", "barchart", "timeseries", "table", "text"]).toContain(type);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      expect(targets?.length ?? 0).toBe(type === "text" ? 0 : 1);
    }
  });

  test("asks Elasticsearch in kinds that it knows, by mapped fields", () => {
    for (const { query, metrics = [], bucketAggs = [] } of targets) {
      if (query === undefined) continue;
      for (const { type } of metrics)
        expect(["count", "min", "avg", "max", "sum", "raw_data"]).toContain(type);
      for (const { type } of bucketAggs) expect(["terms", "filters", "date_histogram"]).toContain(type);
      const queries = [
        query,
        ...bucketAggs.flatMap(({ settings }) => settings.filters ?? []).map((one) => one.query),
      ];
      const fields = [
        ...queries.flatMap(queryFields),
        ...[...metrics, ...bucketAggs].flatMap(({ field }) => field ?? []),
      ];
      for (const field of fields) expect(isMapped(field), field).toBe(true);
    }
    for (const { transformations = [] } of dashboard.panels)
      for (const name of transformations.flatMap(({ options }) => options.include?.names ?? []))
        expect(isMapped(name), name).toBe(true);
  });

  test("asks Prometheus for what /metrics has", () => {
    for (const { expr } of targets) {
      if (expr === undefined) continue;
      const { errors, metrics: named, grouped } = readPromql(expr);
      expect(errors, expr).toEqual([]);
      expect(named.length, expr).toBeGreaterThan(0);
      for (const name of named) {
        expect([...metrics.keys()], expr).toContain(name);
        // `instance` and `job` are what Prometheus adds.
        for (const label of grouped)
          expect(["instance", "job", ...(metrics.get(name) ?? [])], expr).toContain(label);
      }
    }
  });
});
