import type { Dashboard } from "../model.ts";
import { kibanaRules } from "./kibana/alert-rules.ts";
import { apiDashboard } from "./kibana/dashboards-api.ts";
import { kibanaLibrary, kibanaObjects } from "./kibana/kibana-objects.ts";
import { openSearchObjects } from "./opensearch/opensearch-objects.ts";

/** Every rendition, by its path under deploy/. Grafana's SDK is loaded here and nowhere else. */
export async function dashboardFiles(dashboards: readonly Dashboard[]): Promise<Record<string, string>> {
  const { grafanaDashboard } = await import("./grafana/grafana-dashboard.ts");
  const each = (path: (id: string) => string, body: (dashboard: Dashboard) => unknown) =>
    dashboards.map((dashboard) => [path(dashboard.id), json(body(dashboard))] as const);
  return Object.fromEntries([
    ["kibana/library.ndjson", kibanaLibrary(dashboards)],
    ["kibana/dashboards.ndjson", kibanaObjects(dashboards)],
    ...each((id) => `kibana/api/locum-${id}.json`, apiDashboard),
    ...kibanaRules().map(({ id, body }) => [`kibana/rules/${id}.json`, json(body)] as const),
    ["opensearch-dashboards/dashboards.ndjson", openSearchObjects(dashboards)],
    ...each((id) => `grafana/locum-${id}.json`, grafanaDashboard),
  ]);
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
