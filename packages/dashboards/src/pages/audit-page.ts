import { type AuditAnswer, AuditKind } from "@locum/contracts";
import { type AuditView, auditLink, fieldTime } from "./audit-view.ts";
import { histogramChart, type TimeBucket } from "./histogram-chart.ts";
import { type Html, html } from "./html.ts";
import { recordsTable } from "./records-table.ts";
import { selectField } from "./select-field.ts";
import { numberText } from "./shown.ts";

export type AuditPageData = {
  view: AuditView;
  answer: AuditAnswer;
  /** For the fields of the form. */
  services: readonly string[];
  instances: readonly string[];
  intervalMs: number;
};

/** So that a log of one minute is no wall. */
const barsMin = 24;

/** The log, narrowed by a form whose every state is an address. */
export function auditPage(data: AuditPageData): Html {
  const { view, answer, intervalMs } = data;
  const buckets = bucketsOf(answer);
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  const first = buckets[0]?.key ?? 0;
  const last = buckets.at(-1)?.key ?? 0;
  return html`<div class="title"><h1>Audit</h1><p class="meta"><span><b>${numberText(total)}</b> records match</span></p></div>
${form(data)}
<section>
<h2>Over time</h2>
${
  total > 0 &&
  html`<a class="skip" href="#records">Skip the bars</a>
`
}${
  total === 0
    ? html`<p class="empty">No record matches, so there is nothing to count.</p>`
    : histogramChart({
        title: "Records that match, by kind",
        buckets,
        fromMs: view.fromMs ?? Math.min(first, last - (barsMin - 1) * intervalMs),
        toMs: view.toMs ?? last + intervalMs,
        intervalMs,
        linkOf: (fromMs, toMs) => auditLink(view, { fromMs, toMs }),
      })
}</section>
<section id="records" tabindex="-1">
<h2>Records</h2>
${recordsTable(answer.records, emptyText(view))}${pages(view, answer)}</section>
<p class="quiet">Each record is bound to the one before it by its hash. <code>locum audit verify</code> holds the log against
the hashes that were signed.</p>
`;
}

function form({ view, services, instances, answer }: AuditPageData): Html {
  const counts = new Map<string, number>();
  for (const { by = [] } of bucketsOf(answer))
    for (const { key, count } of by) counts.set(key, (counts.get(key) ?? 0) + count);
  return html`<form class="filters" method="get" action="/audit" aria-label="Filters">
${selectField({ name: "service", label: "Service", value: view.service ?? "", options: services, all: "all services" })}${selectField(
  {
    name: "instance",
    label: "Instance",
    value: view.instance ?? "",
    options: instances,
    all: "all instances",
  },
)}${field("text", "Words in the reason", view.text)}${field("incident", "Incident", view.incident)}${field("actor", "Actor", view.actor)}${timeField(
  "from",
  "From (UTC)",
  view.fromMs,
)}${timeField("to", "Before (UTC)", view.toMs)}${selectField({
  name: "order",
  label: "Order",
  value: view.order === "asc" ? "asc" : "",
  options: [["asc", "oldest first"]],
  all: "newest first",
})}
<details class="kinds"><summary>Kinds: ${view.kinds.length === 0 ? "all" : view.kinds.join(", ")}</summary>
<fieldset><legend class="hidden-text">Kinds of records</legend>${AuditKind.options.map(
    (kind) =>
      html`<label><input type="checkbox" name="kind" value="${kind}"${view.kinds.includes(kind) && html` checked`}> ${kind} ${counts.has(kind) && html`<span class="quiet">${numberText(counts.get(kind) ?? 0)}</span>`}</label>
`,
  )}</fieldset></details>
<div class="act"><button type="submit">Filter</button> <a class="button" href="/audit">Clear</a></div>
</form>
`;
}

const field = (
  name: string,
  label: string,
  value: string | null,
): Html => html`<div><label for="field-${name}">${label}</label>
<input id="field-${name}" name="${name}" value="${value}" maxlength="200" autocomplete="off"></div>
`;

const timeField = (
  name: string,
  label: string,
  atMs: number | null,
): Html => html`<div class="time"><label for="field-${name}">${label}</label>
<input id="field-${name}" name="${name}" type="datetime-local" step="1"${atMs !== null && html` value="${fieldTime(atMs)}"`}></div>
`;

function pages(view: AuditView, { next }: AuditAnswer): Html {
  const [after] = next ?? [];
  return html`<p class="pages">${view.after !== null && html`<a class="button" href="${auditLink(view)}">First page</a>`}${
    typeof after === "number" &&
    html`<a class="button" rel="next" href="${auditLink(view, { after })}">${view.order === "asc" ? "Newer" : "Older"}</a>`
  }</p>
`;
}

function emptyText({ after, fromMs, toMs }: AuditView): string {
  if (after !== null) return "There is no record behind that one.";
  if (fromMs !== null && toMs !== null && fromMs >= toMs)
    return "The time ends before it begins: no record can be in it.";
  return "No record matches all of these filters. Clear one of them.";
}

function bucketsOf({ aggregations }: AuditAnswer): TimeBucket[] {
  const { time } = aggregations;
  if (!time || !("buckets" in time)) return [];
  return time.buckets.map(({ key, count, by }) => ({
    key: Number(key),
    count,
    ...(by ? { by: by.map((one) => ({ key: String(one.key), count: one.count })) } : {}),
  }));
}
