import { DashboardBuilder, DatasourceVariableBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import type { Dashboard } from "../../model.ts";
import { layOut } from "../lay-out.ts";
import { grafanaPanel } from "./grafana-panel.ts";

const heights = {
  note: 4,
  count: 4,
  stats: 4,
  bars: 8,
  groups: 8,
  histogram: 8,
  table: 10,
  metric: 7,
} as const;

/**
 * The dashboard as Grafana imports it. It asks for two data sources: Elasticsearch (or OpenSearch by the same plugin's
 * protocol) over the audit stream, and a Prometheus that scrapes collector and sidecars.
 */
export function grafanaDashboard(dashboard: Dashboard): unknown {
  const { id, title, about, missing, panels } = dashboard;
  const noted = missing
    ? [
        ...panels,
        {
          id: "missing",
          title: "Not shown yet",
          width: 12,
          source: { kind: "note", text: missing } as const,
        },
      ]
    : panels;
  const builder = new DashboardBuilder(`Locum: ${title}`)
    .uid(`locum-${id}`)
    .description(about)
    .tags(["locum"])
    .time({ from: "now-7d", to: "now" })
    .refresh("1m")
    .withVariable(new DatasourceVariableBuilder("audit").label("Audit stream").type("elasticsearch"))
    .withVariable(new DatasourceVariableBuilder("metrics").label("Metrics").type("prometheus"));
  for (const [index, placed] of layOut(noted, heights).entries())
    builder.withPanel(grafanaPanel(placed, index + 1));
  return builder.build();
}
