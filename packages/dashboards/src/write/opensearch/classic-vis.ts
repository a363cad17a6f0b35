import { elasticsearchField } from "@locum/contracts";
import { figureTitles } from "../../figure-titles.ts";
import type { AuditSource, PanelSource } from "../../model.ts";
import { kqlOf } from "../kql.ts";

type ClassicSource = Exclude<PanelSource, { kind: "table" | "metric" }>;

/** The state of a classic visualization, which every OpenSearch Dashboards draws. It has no Lens. */
export function visState(title: string, source: ClassicSource): Record<string, unknown> {
  switch (source.kind) {
    case "note":
      return {
        title,
        type: "markdown",
        params: { fontSize: 12, openLinksInNewTab: false, markdown: source.text },
        aggs: [],
      };
    case "count":
      return {
        title,
        type: "metric",
        params: figures,
        aggs: [agg(1, "count", "metric", { customLabel: "records" })],
      };
    case "stats":
      return {
        title,
        type: "metric",
        params: figures,
        aggs: source.show.map((figure, index) =>
          agg(index + 1, figure, "metric", {
            field: elasticsearchField(source.of),
            customLabel: figureTitles[figure],
          }),
        ),
      };
    case "bars":
      return bars(title, "horizontal_bar", [
        agg(2, "terms", "segment", termsOf(elasticsearchField(source.by), source.size)),
      ]);
    case "groups":
      return bars(title, "horizontal_bar", [
        agg(2, "filters", "segment", {
          filters: Object.entries(source.groups).map(([label, condition]) => ({
            label,
            input: { query: kqlOf([condition]), language: "kuery" },
          })),
        }),
      ]);
    case "histogram":
      return bars(title, "histogram", [
        agg(2, "date_histogram", "segment", {
          field: "@timestamp",
          useNormalizedOpenSearchInterval: true,
          scaleMetricValues: false,
          interval: "auto",
          drop_partials: false,
          min_doc_count: 1,
          extended_bounds: {},
        }),
        ...(source.by ? [agg(3, "terms", "group", termsOf(elasticsearchField(source.by), 20))] : []),
      ]);
  }
}

export const filterOf = (source: ClassicSource): AuditSource["filter"] =>
  source.kind === "note" ? [] : source.filter;

type Agg = { id: string; enabled: true; type: string; schema: string; params: Record<string, unknown> };

const agg = (id: number, type: string, schema: Agg["schema"], params: Agg["params"]): Agg => ({
  id: String(id),
  enabled: true,
  type,
  schema,
  params,
});

const termsOf = (field: string, size: number): Record<string, unknown> => ({
  field,
  size,
  order: "desc",
  orderBy: "1",
  otherBucket: false,
  otherBucketLabel: "Other",
  missingBucket: false,
  missingBucketLabel: "Missing",
});

const figures = {
  addTooltip: true,
  addLegend: false,
  type: "metric",
  metric: {
    percentageMode: false,
    useRanges: false,
    colorSchema: "Green to Red",
    metricColorMode: "None",
    colorsRange: [{ from: 0, to: 10_000 }],
    labels: { show: true },
    invertColors: false,
    style: { bgFill: "#000", bgColor: false, labelColor: false, subText: "", fontSize: 40 },
  },
} as const;

function bars(title: string, type: "horizontal_bar" | "histogram", segments: Agg[]): Record<string, unknown> {
  const isFlat = type === "horizontal_bar";
  const labels = { show: true, filter: isFlat, truncate: 100 };
  return {
    title,
    type,
    params: {
      type: "histogram",
      grid: { categoryLines: false },
      categoryAxes: [
        {
          id: "CategoryAxis-1",
          type: "category",
          position: isFlat ? "left" : "bottom",
          show: true,
          style: {},
          scale: { type: "linear" },
          labels,
          title: {},
        },
      ],
      valueAxes: [
        {
          id: "ValueAxis-1",
          name: isFlat ? "BottomAxis-1" : "LeftAxis-1",
          type: "value",
          position: isFlat ? "bottom" : "left",
          show: true,
          style: {},
          scale: { type: "linear", mode: "normal" },
          labels: { ...labels, rotate: 0 },
          title: { text: "records" },
        },
      ],
      seriesParams: [
        {
          show: true,
          type: "histogram",
          mode: "stacked",
          data: { label: "records", id: "1" },
          valueAxis: "ValueAxis-1",
          drawLinesBetweenPoints: true,
          lineWidth: 2,
          showCircles: true,
        },
      ],
      addTooltip: true,
      addLegend: segments.length > 1,
      legendPosition: "bottom",
      times: [],
      addTimeMarker: false,
      labels: { show: false },
      thresholdLine: { show: false, value: 10, width: 1, style: "full", color: "#E7664C" },
    },
    aggs: [agg(1, "count", "metric", { customLabel: "records" }), ...segments],
  };
}
