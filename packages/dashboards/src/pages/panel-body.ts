import type { AuditAnswer, AuditField, AuditRecord } from "@locum/contracts";
import { figureTitles } from "../figure-titles.ts";
import type { AuditSource, PanelSource, Unit } from "../model.ts";
import type { View } from "../panel-search.ts";
import { fieldTime } from "./audit-view.ts";
import { currentFigures, type Sample } from "./current-figures.ts";
import { histogramChart } from "./histogram-chart.ts";
import { type Html, type HtmlValue, html } from "./html.ts";
import { link } from "./link.ts";
import { prose } from "./prose.ts";
import { type Rank, rankChart } from "./rank-chart.ts";
import { numberText, spanText, timeOf } from "./shown.ts";
import { type Column, table } from "./table.ts";

export type PanelContext = {
  title: string;
  view: View;
  /** The words for the time that is looked at. */
  spanText: string;
  samples: readonly Sample[];
};

/** What a panel shows: its figure, chart or table, or in their stead why there is none. */
export function panelBody(source: PanelSource, answer: AuditAnswer | undefined, context: PanelContext): Html {
  if (source.kind === "note") return html`<p>${prose(source.text)}</p>`;
  if (source.kind === "metric") return metricBody(source, context);
  if (answer === undefined) return empty("The log gave no answer to this question; reload the page.");
  return auditBody(source, answer, context);
}

function auditBody(source: AuditSource, answer: AuditAnswer, context: PanelContext): Html {
  const { title, view } = context;
  const { panel } = answer.aggregations;
  const buckets = panel && "buckets" in panel ? panel.buckets : [];
  const nothing = empty(`No record of ${context.spanText} is of this kind.`);
  switch (source.kind) {
    case "count":
      return figure(numberText(buckets[0]?.count ?? 0), "");
    case "bars":
      return buckets.length === 0
        ? nothing
        : rankChart({ title, ranks: buckets.map((one) => linked(source, one, view)) });
    case "groups": {
      const ranks = buckets
        .map(({ key, count }) => ({ name: String(key), count }))
        .sort((a, b) => b.count - a.count);
      return ranks.some(({ count }) => count > 0)
        ? rankChart({ title, ranks: ranks.filter(({ count }) => count > 0) })
        : nothing;
    }
    case "histogram":
      return buckets.length === 0
        ? nothing
        : histogramChart({
            title,
            buckets: buckets.map(({ key, count, by }) => ({
              key: Number(key),
              count,
              ...(by ? { by: by.map((one) => ({ key: String(one.key), count: one.count })) } : {}),
            })),
            ...view,
          });
    case "stats":
      return panel && "avg" in panel && panel.count > 0 ? statsBody(panel, source) : nothing;
    case "table":
      return table({
        caption: title,
        columns: source.columns.map(columnOf),
        rows: answer.records,
        empty: `No record of ${context.spanText} is of this kind.`,
      });
  }
}

/** The records behind a bar, as far as the explorer's form can say its filter. */
function linked(
  { by, filter }: Extract<AuditSource, { kind: "bars" }>,
  { key, count }: { key: string | number | boolean; count: number },
  { fromMs }: View,
): Rank {
  const kind = filter.flatMap((condition) => {
    if (condition.op === "term" && condition.field === "kind") return [String(condition.value)];
    return condition.op === "terms" && condition.field === "kind" ? condition.values.map(String) : [];
  });
  const href = link(["audit"], { kind, from: fieldTime(fromMs), [by]: String(key) });
  return { name: String(key), count, href };
}

type Stats = Extract<AuditAnswer["aggregations"][string], { avg: unknown }>;

const statsBody = (
  figures: Stats,
  { show, unit }: Extract<AuditSource, { kind: "stats" }>,
): Html => html`<dl class="stats">
${show.map((figure) => {
  const value = figures[figure];
  return html`<div><dt>${figureTitles[figure]}</dt><dd>${value === null ? "none" : amount(value, unit)}</dd></div>\n`;
})}</dl>
<p class="quiet">of ${numberText(figures.count)} ${figures.count === 1 ? "record" : "records"}</p>
`;

function metricBody(
  source: Extract<PanelSource, { kind: "metric" }>,
  { title, samples }: PanelContext,
): Html {
  const found = currentFigures(source.promql, samples);
  const query = html`<details><summary>Query for Prometheus</summary><code>${source.promql}</code></details>`;
  if (found === undefined)
    return html`${empty("This is asked of Prometheus, which keeps a history of /metrics; Grafana draws it.")}${query}`;
  const { figures, isTotal } = found;
  if (figures.length === 0)
    return html`${empty("The collector has counted nothing of this since it started.")}${query}`;
  const unit = isTotal ? "1" : source.unit;
  const said = isTotal ? "counted since the collector's start; Prometheus knows the rate" : "now";
  const [only] = figures;
  return only !== undefined && figures.length === 1
    ? html`${figure(amount(only.value, unit), `${only.name}, ${said}`)}${query}`
    : html`${rankChart({ title, ranks: figures.map(({ name, value }) => ({ name, count: value })).sort((a, b) => b.count - a.count), unit: said })}<p class="quiet">${said}</p>${query}`;
}

const figure = (value: string, about: string): Html => html`<p class="figure">${value}</p>
${about !== "" && html`<p class="quiet">${about}</p>`}
`;
const empty = (why: string): Html => html`<p class="empty">${why}</p>`;

function amount(value: number, unit: Unit): string {
  if (unit === "ms") return spanText(value);
  return unit === "s" ? spanText(value * 1000) : `${numberText(value)}${unit === "per second" ? "/s" : ""}`;
}

const heads: Partial<Record<AuditField, string>> = {
  at: "Time (UTC)",
  "measures.rtoMs": "RTO",
  "measures.rpoMs": "RPO",
};

function columnOf(field: AuditField): Column<AuditRecord> {
  const isNumber = field === "seq" || field === "epoch" || field.startsWith("measures.");
  return {
    head: heads[field] ?? headOf(field),
    ...(isNumber ? { number: true } : {}),
    cell: (record) => cellOf(field, record),
  };
}

/** `measures.firstAnswerMs` is First answer: its cells have their unit. */
function headOf(field: string): string {
  const words = field
    .slice(field.lastIndexOf(".") + 1)
    .replace(/Ms$/, "")
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}

function cellOf(field: AuditField, { seq, event }: AuditRecord): HtmlValue {
  if (field === "at")
    return html`<a href="${link(["audit", String(seq)])}">${timeOf(Date.parse(event.at))}</a>`;
  if (field === "seq") return html`<a href="${link(["audit", String(seq)])}">${seq}</a>`;
  if (field === "kind") return html`<code>${event.kind}</code>`;
  if (field === "incident" && event.incident !== null)
    return html`<a href="${link(["incidents", event.incident])}">${event.incident}</a>`;
  const fact = /^(facts|measures)\.(.*)$/.exec(field)?.[2];
  const value = fact === undefined ? event[field as "service"] : event.facts[fact];
  if (typeof value === "number" && field.endsWith("Ms")) return spanText(value);
  return value === null || value === undefined ? null : String(value);
}
