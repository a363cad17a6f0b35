import type { Dashboard } from "../../model.ts";
import { dataView, factFields, viewFields } from "../data-view.ts";
import { layOut, type Placed } from "../lay-out.ts";
import { ndjson, type SavedObject, type SavedReference } from "../ndjson.ts";
import { searchAttributes, searchId, viewReference } from "../search-attributes.ts";
import { withoutMetrics } from "../without-metrics.ts";
import { layerReference, lensAttributes } from "./lens-panel.ts";

/**
 * Versions of the newest migration that Kibana 8.19 knows, so that 8.19 and 9.x both take the file: a newer one is
 * refused, and without one every old migration runs.
 */
const coreMigrationVersion = "8.8.0";
const typeMigrationVersions = {
  "index-pattern": "8.0.0",
  search: "10.5.0",
  visualization: "8.5.0",
  dashboard: "8.9.0",
} as const satisfies Record<SavedObject["type"], string>;

/** Rows of Kibana's grid. */
export const kibanaHeights = {
  note: 6,
  count: 6,
  stats: 6,
  bars: 12,
  groups: 12,
  histogram: 12,
  table: 18,
  metric: 0,
} as const;

/** The data view and the saved searches: what dashboards of both kinds refer to. */
export const kibanaLibrary = (dashboards: readonly Dashboard[]): string =>
  ndjson([viewObject(dashboards), ...dashboards.flatMap(searchObjects)]);

/** Everything in one file, for the saved objects API of Kibana 8.19 to 9.x. */
export const kibanaObjects = (dashboards: readonly Dashboard[]): string =>
  kibanaLibrary(dashboards) + ndjson(dashboards.map(dashboardObject));

const savedObject = (object: SavedObject): SavedObject => ({
  ...object,
  coreMigrationVersion,
  typeMigrationVersion: typeMigrationVersions[object.type],
  managed: false,
});

function viewObject(dashboards: readonly Dashboard[]): SavedObject {
  const runtime = factFields(dashboards).map((name) => [name, { type: "keyword" }]);
  return savedObject({
    id: dataView.id,
    type: "index-pattern",
    attributes: {
      title: dataView.pattern,
      name: "Locum audit",
      timeFieldName: "@timestamp",
      // A runtime field without a script reads the document: the keys of a flattened field are not listed otherwise.
      runtimeFieldMap: JSON.stringify(Object.fromEntries(runtime)),
      fields: JSON.stringify(viewFields(dashboards).filter(({ name }) => !name.startsWith("locum.details."))),
      sourceFilters: "[]",
      fieldAttrs: "{}",
      fieldFormatMap: "{}",
      allowNoIndex: true,
    },
    references: [],
  });
}

const searchObjects = (dashboard: Dashboard): SavedObject[] =>
  dashboard.panels.flatMap((panel) =>
    panel.source.kind === "table"
      ? [
          savedObject({
            id: searchId(dashboard, panel),
            type: "search",
            attributes: { ...searchAttributes(panel, panel.source), grid: {}, hideChart: true },
            references: [viewReference],
          }),
        ]
      : [],
  );

function dashboardObject(dashboard: Dashboard): SavedObject {
  const placed = layOut(withoutMetrics(dashboard), kibanaHeights);
  const panels = placed.map((one) => panelOf(dashboard, one));
  return savedObject({
    id: `locum-${dashboard.id}`,
    type: "dashboard",
    attributes: {
      title: `Locum: ${dashboard.title}`,
      description: dashboard.about,
      timeRestore: false,
      version: 1,
      panelsJSON: JSON.stringify(panels.map(({ panel }) => panel)),
      optionsJSON: JSON.stringify({
        useMargins: true,
        syncColors: true,
        syncCursor: true,
        syncTooltips: false,
        hidePanelTitles: false,
      }),
      kibanaSavedObjectMeta: {
        searchSourceJSON: JSON.stringify({ query: { query: "", language: "kuery" }, filter: [] }),
      },
    },
    references: panels.flatMap(({ references }) => references),
  });
}

type DashboardPanel = { panel: Record<string, unknown>; references: SavedReference[] };

function panelOf(dashboard: Dashboard, { panel, x, y, w, h }: Placed): DashboardPanel {
  const { id, title, about, source } = panel;
  const place = {
    panelIndex: id,
    gridData: { x: x * 4, y, w: w * 4, h, i: id },
    title,
  };
  const described = about ? { description: about } : {};
  switch (source.kind) {
    case "table":
      return {
        panel: {
          ...place,
          type: "search",
          embeddableConfig: { ...described, enhancements: {} },
          panelRefName: `panel_${id}`,
        },
        references: [{ id: searchId(dashboard, panel), name: `${id}:panel_${id}`, type: "search" }],
      };
    case "note":
      return {
        panel: {
          ...place,
          type: "visualization",
          embeddableConfig: { ...described, savedVis: markdown(source.text), enhancements: {} },
        },
        references: [],
      };
    case "metric":
      throw new TypeError("a panel of Prometheus is not drawn here");
    default:
      return {
        panel: {
          ...place,
          type: "lens",
          embeddableConfig: {
            ...described,
            attributes: lensAttributes(title, source),
            enhancements: {},
          },
        },
        references: [{ id: dataView.id, name: `${id}:${layerReference}`, type: "index-pattern" }],
      };
  }
}

const markdown = (text: string): Record<string, unknown> => ({
  id: "",
  title: "",
  description: "",
  type: "markdown",
  params: { fontSize: 12, openLinksInNewTab: false, markdown: text },
  uiState: {},
  data: { aggs: [], searchSource: { query: { query: "", language: "kuery" }, filter: [] } },
});
