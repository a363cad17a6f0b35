import type { AuditRecord } from "@locum/contracts";
import { type Html, html } from "./html.ts";
import { link } from "./link.ts";
import { timeOf } from "./shown.ts";
import { type Column, table } from "./table.ts";

/** Records as rows, each with the way to its detail. */
export const recordsTable = (records: readonly AuditRecord[], empty: string): Html =>
  table({ caption: "Records", columns, rows: records, empty });

const columns: Column<AuditRecord>[] = [
  {
    head: "Seq",
    number: true,
    cell: ({ seq }) => html`<a href="${link(["audit", String(seq)])}" aria-label="record ${seq}">${seq}</a>`,
  },
  { head: "Time (UTC)", cell: ({ event }) => timeOf(Date.parse(event.at)) },
  { head: "Kind", cell: ({ event }) => html`<code>${event.kind}</code>` },
  { head: "Service", cell: ({ event }) => event.service },
  { head: "Instance", cell: ({ event }) => event.instance },
  { head: "Reason", cell: ({ event }) => event.reason },
  { head: "Actor", cell: ({ event }) => html`<span class="quiet">${event.actor}</span>` },
];
