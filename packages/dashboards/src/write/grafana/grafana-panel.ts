import { PanelBuilder as BarChartBuilder } from "@grafana/grafana-foundation-sdk/barchart";
import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  StackingMode,
  VizLegendOptionsBuilder,
  VizOrientation,
} from "@grafana/grafana-foundation-sdk/common";
import type { DataTransformerConfig, Panel as GrafanaPanel } from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder as PrometheusQueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TextBuilder, TextMode } from "@grafana/grafana-foundation-sdk/text";
import { PanelBuilder as TimeSeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { elasticsearchField } from "@locum/contracts";
import { figureTitles } from "../../figure-titles.ts";
import { isAuditSource, type Panel, type Unit } from "../../model.ts";
import { fieldTitle } from "../field-title.ts";
import type { Placed } from "../lay-out.ts";
import { auditSource, elasticsearchQuery } from "./elasticsearch-query.ts";

export const metricsSource = { type: "prometheus", uid: "$metrics" };

/** The panel in Grafana's own words, for its place in 24 columns. */
export function grafanaPanel({ panel, x, y, w, h }: Placed, id: number): Builder<GrafanaPanel> {
  const builder = builderOf(panel)
    .id(id)
    .title(panel.title)
    .gridPos({ x: x * 2, y, w: w * 2, h });
  if (panel.about) builder.description(panel.about);
  return builder;
}

type PanelBuilder = StatBuilder | BarChartBuilder | TimeSeriesBuilder | TableBuilder | TextBuilder;

function builderOf(panel: Panel): PanelBuilder {
  const { source } = panel;
  if (source.kind === "note") return new TextBuilder().mode(TextMode.Markdown).content(source.text);
  if (!isAuditSource(source))
    return new TimeSeriesBuilder()
      .datasource(metricsSource)
      .unit(units[source.unit])
      .min(0)
      .legend(legendBelow)
      .withTarget(
        new PrometheusQueryBuilder()
          .refId("A")
          .datasource(metricsSource)
          .expr(source.promql)
          .legendFormat(source.legend)
          .range(),
      );
  const query = elasticsearchQuery(source);
  switch (source.kind) {
    case "count":
      return new StatBuilder().datasource(auditSource).withTarget(query).reduceOptions(lastRow).noValue("0");
    case "stats": {
      const stat = new StatBuilder()
        .datasource(auditSource)
        .withTarget(query)
        .unit(units[source.unit])
        .reduceOptions(lastRow)
        .noValue("none");
      const single = source.show[0];
      if (source.show.length === 1 && single) stat.displayName(figureTitles[single]);
      return stat;
    }
    case "bars":
    case "groups":
      return new BarChartBuilder()
        .datasource(auditSource)
        .withTarget(query)
        .orientation(VizOrientation.Horizontal)
        .legend(new VizLegendOptionsBuilder().showLegend(false));
    case "histogram":
      return new TimeSeriesBuilder()
        .datasource(auditSource)
        .withTarget(query)
        .drawStyle(GraphDrawStyle.Bars)
        .fillOpacity(80)
        .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group("A"))
        .legend(legendBelow);
    case "table":
      return new TableBuilder()
        .datasource(auditSource)
        .withTarget(query)
        .transformations(
          onlyColumns(source.columns.map((column) => [elasticsearchField(column), fieldTitle(column)])),
        );
  }
}

const units: Record<Unit, string> = { "1": "short", ms: "ms", s: "s", "per second": "reqps" };
const lastRow = new ReduceDataOptionsBuilder().values(false).calcs(["lastNotNull"]).fields("");
const legendBelow = new VizLegendOptionsBuilder()
  .showLegend(true)
  .displayMode(LegendDisplayMode.List)
  .placement(LegendPlacement.Bottom);

/** A raw document has every field as a column: these, in this order. */
const onlyColumns = (columns: readonly (readonly [string, string])[]): DataTransformerConfig[] => [
  { id: "filterFieldsByName", options: { include: { names: columns.map(([name]) => name) } } },
  {
    id: "organize",
    options: {
      excludeByName: {},
      includeByName: {},
      indexByName: Object.fromEntries(columns.map(([name], index) => [name, index])),
      renameByName: Object.fromEntries(columns),
    },
  },
];
