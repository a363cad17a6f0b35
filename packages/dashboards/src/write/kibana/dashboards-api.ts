import { elasticsearchField } from "@locum/contracts";
import { figureTitles } from "../../figure-titles.ts";
import type { AuditSource, Dashboard, StatsFigure } from "../../model.ts";
import { dataView } from "../data-view.ts";
import { kqlOf } from "../kql.ts";
import { layOut, type Placed } from "../lay-out.ts";
import { searchId } from "../search-attributes.ts";
import { withoutMetrics } from "../without-metrics.ts";
import { kibanaHeights } from "./kibana-objects.ts";

/** The body of `PUT /api/dashboards/{id}` of Kibana 9.5 and later. The library has to be imported before. */
export function apiDashboard(dashboard: Dashboard): Record<string, unknown> {
  return {
    title: `Locum: ${dashboard.title}`,
    description: dashboard.about,
    panels: layOut(withoutMetrics(dashboard), kibanaHeights).map((placed) => panelOf(dashboard, placed)),
  };
}

function panelOf(dashboard: Dashboard, { panel, x, y, w, h }: Placed): Record<string, unknown> {
  const { id, title, about, source } = panel;
  const place = { id, grid: { x: x * 4, y, w: w * 4, h } };
  const described = { title, ...(about ? { description: about } : {}) };
  switch (source.kind) {
    case "table":
      return {
        ...place,
        type: "discover_session",
        config: { ...described, ref_id: searchId(dashboard, panel) },
      };
    case "note":
      return {
        ...place,
        type: "markdown",
        config: {
          ...described,
          content: source.text,
          settings: { open_links_in_new_tab: false },
        },
      };
    case "metric":
      throw new TypeError("a panel of Prometheus is not drawn here");
    default:
      return { ...place, type: "vis", config: { ...described, ...chartOf(source) } };
  }
}

const data_source = { type: "data_view_reference", ref_id: dataView.id };
const kql = (filter: AuditSource["filter"]): { expression: string; language: "kql" } => ({
  expression: kqlOf(filter),
  language: "kql",
});
const count = { operation: "count", label: "records" };

function chartOf(source: Exclude<AuditSource, { kind: "table" }>): Record<string, unknown> {
  const query = kql(source.filter);
  switch (source.kind) {
    case "count":
      return { type: "metric", data_source, query, metrics: [{ type: "primary", ...count }] };
    case "bars": {
      return xy("bar_horizontal", query, { x: terms(elasticsearchField(source.by), source.size) });
    }
    case "groups": {
      const filters = Object.entries(source.groups).map(([label, condition]) => ({
        label,
        filter: kql([condition]),
      }));
      return xy("bar_horizontal", query, { x: { operation: "filters", filters } });
    }
    case "histogram": {
      const x = { operation: "date_histogram", field: "@timestamp" };
      const split = source.by ? { breakdown_by: terms(elasticsearchField(source.by), 20) } : {};
      return xy("bar_stacked", query, { x, ...split });
    }
    case "stats":
      return {
        type: "data_table",
        data_source,
        query,
        metrics: source.show.map((figure) => ({
          operation: operations[figure],
          field: elasticsearchField(source.of),
          label: figureTitles[figure],
        })),
      };
  }
}

const terms = (field: string, limit: number): Record<string, unknown> => ({
  operation: "terms",
  fields: [field],
  limit,
  rank_by: { type: "metric", metric_index: 0, direction: "desc" },
});

const operations: Record<StatsFigure, string> = { min: "min", avg: "average", max: "max", sum: "sum" };

const xy = (
  type: "bar_horizontal" | "bar_stacked",
  query: Record<string, unknown>,
  dimensions: Record<string, unknown>,
): Record<string, unknown> => ({
  type: "xy",
  query,
  legend: { position: "bottom", visibility: "breakdown_by" in dimensions ? "visible" : "hidden" },
  layers: [{ type, data_source, ...dimensions, y: [count] }],
});
