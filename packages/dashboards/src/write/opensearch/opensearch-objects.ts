import type { Dashboard } from "../../model.ts";
import { dataView, viewFields } from "../data-view.ts";
import { layOut, type Placed } from "../lay-out.ts";
import { ndjson, type SavedObject } from "../ndjson.ts";
import { searchAttributes, searchId, searchSource, viewReference } from "../search-attributes.ts";
import { withoutMetrics } from "../without-metrics.ts";
import { filterOf, visState } from "./classic-vis.ts";

/** The newest that OpenSearch Dashboards 2.x and 3.x know; one object with a newer one and the whole file is refused. */
const migrationVersions = {
  "index-pattern": "7.6.0",
  search: "7.9.3",
  visualization: "7.10.0",
  dashboard: "7.9.3",
} as const satisfies Record<SavedObject["type"], string>;

const heights = {
  note: 6,
  count: 7,
  stats: 7,
  bars: 12,
  groups: 12,
  histogram: 12,
  table: 18,
  metric: 0,
} as const;

/** Everything in one file, for the saved objects API of OpenSearch Dashboards 2.x and 3.x. */
export const openSearchObjects = (dashboards: readonly Dashboard[]): string =>
  ndjson([viewObject(dashboards), ...dashboards.flatMap(objectsOf)]);

const savedObject = (object: SavedObject): SavedObject => ({
  ...object,
  migrationVersion: { [object.type]: migrationVersions[object.type] },
});

const viewObject = (dashboards: readonly Dashboard[]): SavedObject =>
  savedObject({
    id: dataView.id,
    type: "index-pattern",
    attributes: {
      title: dataView.pattern,
      timeFieldName: "@timestamp",
      // Without them the first who looks writes them back, and all who look at once collide.
      fields: JSON.stringify(viewFields(dashboards)),
    },
    references: [],
  });

function objectsOf(dashboard: Dashboard): SavedObject[] {
  const placed = layOut(withoutMetrics(dashboard), heights);
  const panels = placed.map(({ panel }) => panelObject(dashboard, panel));
  return [
    ...panels,
    savedObject({
      id: `locum-${dashboard.id}`,
      type: "dashboard",
      attributes: {
        title: `Locum: ${dashboard.title}`,
        description: dashboard.about,
        hits: 0,
        version: 1,
        timeRestore: false,
        panelsJSON: JSON.stringify(placed.map(panelOf)),
        optionsJSON: JSON.stringify({ useMargins: true, hidePanelTitles: false }),
        kibanaSavedObjectMeta: {
          searchSourceJSON: JSON.stringify({ query: { query: "", language: "kuery" }, filter: [] }),
        },
      },
      // Names in another style import without a word and show no panel.
      references: panels.map(({ id, type }, index) => ({ id, type, name: `panel_${index}` })),
    }),
  ];
}

const panelOf = ({ panel, x, y, w, h }: Placed, index: number): Record<string, unknown> => ({
  version: "7.9.3",
  panelIndex: panel.id,
  gridData: { x: x * 4, y, w: w * 4, h, i: panel.id },
  title: panel.title,
  embeddableConfig: { title: panel.title },
  panelRefName: `panel_${index}`,
});

function panelObject(dashboard: Dashboard, panel: Placed["panel"]): SavedObject {
  const { title, about = "", source } = panel;
  const id = searchId(dashboard, panel);
  if (source.kind === "table") {
    const attributes = { ...searchAttributes(panel, source), hits: 0, version: 1 };
    return savedObject({ id, type: "search", attributes, references: [viewReference] });
  }
  if (source.kind === "metric") throw new TypeError("a panel of Prometheus is not drawn here");
  const isNote = source.kind === "note";
  const meta = isNote
    ? { searchSourceJSON: JSON.stringify({ query: { query: "", language: "kuery" }, filter: [] }) }
    : searchSource(filterOf(source));
  return savedObject({
    id,
    type: "visualization",
    attributes: {
      title: `Locum: ${title}`,
      visState: JSON.stringify(visState(title, source)),
      uiStateJSON: "{}",
      description: about,
      version: 1,
      kibanaSavedObjectMeta: meta,
    },
    references: isNote ? [] : [viewReference],
  });
}
