import { type AuditEvent, type AuditRecord, canonicalJson, sha256Hex } from "@locum/contracts";

/** Events as the records of a log. */
export function chained(events: readonly AuditEvent[]): AuditRecord[] {
  let previous = "0".repeat(64);
  return events.map((event, seq) => {
    const body = { seq, event, previous };
    previous = sha256Hex(canonicalJson(body));
    return { ...body, hash: previous };
  });
}

export const chainedLines = (events: readonly AuditEvent[]): string[] => chained(events).map(canonicalJson);
