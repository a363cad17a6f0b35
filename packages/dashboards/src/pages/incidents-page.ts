import type { Incident } from "@locum/contracts";
import { badge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { pageTitle } from "./page-title.ts";
import { selectField } from "./select-field.ts";
import { spanText, timeOf } from "./shown.ts";
import { type Column, table } from "./table.ts";

export type IncidentsView = { service: string | null; open: boolean | null };

/** Incidents, newest first, of all services or one, open or closed. */
export function incidentsPage({
  incidents,
  view,
  services,
  limit,
  nowMs,
}: {
  incidents: readonly Incident[];
  view: IncidentsView;
  services: readonly string[];
  limit: number;
  nowMs: number;
}): Html {
  const columns: Column<Incident>[] = [
    {
      head: "Incident",
      cell: ({ id, failure }) => html`<a href="${link(["incidents", id])}"><b>${failure}</b></a>`,
    },
    {
      head: "State",
      cell: ({ closedAtMs, drill }) => [
        closedAtMs === null ? badge("bad", "open") : badge("good", "closed"),
        drill !== null && html` ${badge("quiet", "drill")}`,
      ],
    },
    { head: "Service", cell: ({ service }) => service },
    { head: "Instance", cell: ({ instance }) => instance },
    { head: "Opened (UTC)", cell: ({ openedAtMs }) => timeOf(openedAtMs) },
    {
      head: "Lasted",
      number: true,
      cell: ({ openedAtMs, closedAtMs }) => spanText(Math.max(0, (closedAtMs ?? nowMs) - openedAtMs)),
    },
    { head: "Steps", number: true, cell: ({ timeline }) => timeline.length },
  ];
  const isNarrowed = view.service !== null || view.open !== null;
  return html`${pageTitle("Incidents", nowMs)}<form class="filters" method="get" action="/incidents">
${selectField({ name: "service", label: "Service", value: view.service ?? "", options: services, all: "all services" })}${selectField(
  {
    name: "open",
    label: "State",
    value: view.open === null ? "" : view.open ? "yes" : "no",
    options: [
      ["yes", "open"],
      ["no", "closed"],
    ],
    all: "open and closed",
  },
)}<div class="act"><button type="submit">Filter</button></div>
</form>
<div id="live"><section>
${table({
  caption: "Incidents",
  columns,
  rows: incidents,
  empty: isNarrowed
    ? "No incident matches these filters."
    : "Nothing has failed since this collector's first start: an incident opens with the first proof.",
})}${
  incidents.length === limit &&
  html`<p class="quiet">The newest ${limit}; older ones by the audit explorer.</p>\n`
}</section></div>
`;
}
