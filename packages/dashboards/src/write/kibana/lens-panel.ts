import { elasticsearchField } from "@locum/contracts";
import { figureTitles } from "../../figure-titles.ts";
import type { AuditSource, StatsFigure } from "../../model.ts";
import { dataView } from "../data-view.ts";
import { kqlOf } from "../kql.ts";

type LensSource = Exclude<AuditSource, { kind: "table" }>;
type Column = Record<string, unknown> & { isBucketed: boolean };
type Chart = {
  type: "lnsMetric" | "lnsXY" | "lnsDatatable";
  columns: Record<string, Column>;
  visualization: Record<string, unknown>;
};

/** The one layer of a panel; references are named after it. */
const layer = "layer";
export const layerReference = `indexpattern-datasource-layer-${layer}`;

/**
 * A panel as Lens keeps it in a dashboard, by value. `formBased` is what Kibana 8.19 to 9.x call a layer over a data
 * view; a layer of ES|QL would be theirs alone and lose the fields' formats.
 */
export function lensAttributes(title: string, source: LensSource): Record<string, unknown> {
  const { type, columns, visualization } = chartOf(source);
  return {
    title,
    description: "",
    type: "lens",
    visualizationType: type,
    references: [{ type: "index-pattern", id: dataView.id, name: layerReference }],
    state: {
      visualization,
      query: { query: kqlOf(source.filter), language: "kuery" },
      filters: [],
      datasourceStates: {
        formBased: {
          layers: {
            [layer]: {
              columns,
              columnOrder: Object.keys(columns),
              incompleteColumns: {},
              sampling: 1,
            },
          },
        },
      },
      internalReferences: [],
      adHocDataViews: {},
    },
  };
}

function chartOf(source: LensSource): Chart {
  switch (source.kind) {
    case "count":
      return {
        type: "lnsMetric",
        columns: { count },
        visualization: { layerId: layer, layerType: "data", metricAccessor: "count" },
      };
    case "bars":
      return xy("bar_horizontal", { x: terms(elasticsearchField(source.by), source.size), count });
    case "groups":
      return xy("bar_horizontal", { x: filters(source.groups), count });
    case "histogram":
      return xy("bar_stacked", {
        ...(source.by ? { split: terms(elasticsearchField(source.by), 20) } : {}),
        x: dateHistogram,
        count,
      });
    case "stats": {
      const field = elasticsearchField(source.of);
      return {
        type: "lnsDatatable",
        columns: Object.fromEntries(source.show.map((figure) => [figure, figureColumn(figure, field)])),
        visualization: {
          layerId: layer,
          layerType: "data",
          columns: source.show.map((columnId) => ({ columnId })),
        },
      };
    }
  }
}

const xy = (seriesType: "bar_horizontal" | "bar_stacked", columns: Record<string, Column>): Chart => ({
  type: "lnsXY",
  columns,
  visualization: {
    legend: { isVisible: "split" in columns, position: "bottom" },
    valueLabels: "hide",
    fittingFunction: "None",
    preferredSeriesType: seriesType,
    layers: [
      {
        layerId: layer,
        layerType: "data",
        seriesType,
        accessors: ["count"],
        xAccessor: "x",
        ...("split" in columns ? { splitAccessor: "split" } : {}),
      },
    ],
  },
});

const count: Column = {
  label: "records",
  customLabel: true,
  dataType: "number",
  operationType: "count",
  isBucketed: false,
  scale: "ratio",
  sourceField: "___records___",
  params: { emptyAsNull: false },
};

const terms = (sourceField: string, size: number): Column => ({
  label: sourceField,
  dataType: "string",
  operationType: "terms",
  isBucketed: true,
  scale: "ordinal",
  sourceField,
  params: {
    size,
    orderBy: { type: "column", columnId: "count" },
    orderDirection: "desc",
    otherBucket: false,
    missingBucket: false,
    parentFormat: { id: "terms" },
    include: [],
    exclude: [],
    includeIsRegex: false,
    excludeIsRegex: false,
  },
});

const filters = (groups: Extract<LensSource, { kind: "groups" }>["groups"]): Column => ({
  label: "filters",
  dataType: "string",
  operationType: "filters",
  isBucketed: true,
  scale: "ordinal",
  params: {
    filters: Object.entries(groups).map(([label, condition]) => ({
      label,
      input: { query: kqlOf([condition]), language: "kuery" },
    })),
  },
});

const dateHistogram: Column = {
  label: "@timestamp",
  dataType: "date",
  operationType: "date_histogram",
  isBucketed: true,
  scale: "interval",
  sourceField: "@timestamp",
  params: { interval: "auto", includeEmptyRows: true, dropPartials: false },
};

const operations: Record<StatsFigure, string> = { min: "min", avg: "average", max: "max", sum: "sum" };

const figureColumn = (figure: StatsFigure, sourceField: string): Column => ({
  label: figureTitles[figure],
  customLabel: true,
  dataType: "number",
  operationType: operations[figure],
  isBucketed: false,
  scale: "ratio",
  sourceField,
  params: { emptyAsNull: true },
});
