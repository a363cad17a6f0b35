import type { AuditRecord, Incident, TimelineEntry } from "@locum/contracts";
import { badge } from "./badge.ts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { pageTitle } from "./page-title.ts";
import { recordsTable } from "./records-table.ts";
import { spanText, timeOf } from "./shown.ts";
import { type Column, table } from "./table.ts";

/** One incident: its picture (drawn by the signed report's own renderer), its steps, and its records in the log. */
export function incidentPage({
  incident,
  picture,
  records,
  nowMs,
}: {
  incident: Incident;
  picture: Html;
  records: readonly AuditRecord[];
  nowMs: number;
}): Html {
  const { id, service, instance, failure, openedAtMs, closedAtMs, drill, timeline } = incident;
  const lasted = spanText(Math.max(0, (closedAtMs ?? nowMs) - openedAtMs));
  return html`${pageTitle(`${failure} on ${instance}`, nowMs)}<div id="live">
<p class="meta">${closedAtMs === null ? badge("bad", `open for ${lasted}`) : badge("good", `closed after ${lasted}`)}
<span>service <b>${service}</b></span><span>opened <b>${timeOf(openedAtMs)}</b> UTC</span><span>incident <code>${id}</code></span>
${drill !== null && html`<span>caused by the drill <code>${drill}</code></span>`}</p>
<section>
<h2>Timeline</h2>
${
  timeline.length > 0 &&
  html`<figure tabindex="0" role="group" aria-label="Picture of the timeline, scrolls sideways">
${picture}</figure>
`
}${table({
  caption: "Steps of the incident",
  columns: stepColumns,
  rows: timeline.map((entry, index) => ({ ...entry, number: index + 1 })),
  empty: "No step is on record yet.",
})}</section>
<section>
<h2>Audit records</h2>
${recordsTable(records, "No record of the log names this incident: it was opened before the log began.")}
<p><a href="${link(["audit"], { incident: id, order: "asc" })}">All of them in the audit explorer</a></p>
<p class="quiet"><code>locum audit dossier ${id}</code> writes this incident, its records and their proofs into one signed file.</p>
</section>
</div>
`;
}

const stepColumns: Column<TimelineEntry & { number: number }>[] = [
  { head: "#", number: true, cell: ({ number }) => number },
  { head: "Time", number: true, cell: ({ offsetMs }) => spanText(offsetMs) },
  {
    head: "Step",
    cell: ({ step }) => html`<span class="step"><span class="dot ${step}"></span>${step}</span>`,
  },
  { head: "Instance", cell: ({ instance }) => instance },
  { head: "Detail", cell: ({ detail }) => detail },
];
