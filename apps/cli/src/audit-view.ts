import type { AuditRecord } from "@locum/contracts";
import { visible } from "./table.ts";

/** A record on one line: number, time, kind, who about whom, why. `people`: names of actors that have one. */
export function auditLine(
  { seq, event }: AuditRecord,
  people: Readonly<Record<string, string>> = {},
): string {
  const where = event.instance === null ? event.service : `${event.service}/${event.instance}`;
  const time = event.at.slice(0, 23).replace("T", " ");
  return visible(
    `${String(seq).padStart(6)}  ${time}  ${event.kind.padEnd(18)} ${where}  ${event.reason}  (${people[event.actor] ?? event.actor})`,
  );
}
