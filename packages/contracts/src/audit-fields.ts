import type { AuditField } from "./audit-search.ts";

/** Where each column of a record is in a document of Elasticsearch (ECS 9.x; what ECS has no word for is `locum.*`). */
export const auditColumns = {
  seq: "event.sequence",
  at: "@timestamp",
  kind: "event.action",
  service: "service.name",
  instance: "service.node.name",
  actor: "locum.actor",
  epoch: "locum.epoch",
  incident: "locum.incident.id",
  reason: "event.reason",
} as const satisfies Record<Exclude<AuditField, `facts.${string}` | `measures.${string}`>, string>;

/** Facts are one flattened field; those that are numbers are longs beside it as well. */
export function elasticsearchField(field: AuditField): string {
  if (field.startsWith("facts.")) return `locum.details.${field.slice("facts.".length)}`;
  if (field.startsWith("measures.")) return `locum.${field}`;
  return auditColumns[field as keyof typeof auditColumns];
}

/**
 * The data streams, all of them `logs-locum.<name>-<namespace>`, and for how many days each keeps its documents; null
 * is for ever. `audit` has one document a record of the log.
 */
export const auditStreams = {
  audit: { days: 1095 },
  inference: { days: 190 },
  checkpoint: { days: null },
  deadletter: { days: 365 },
} as const;
export type AuditStream = keyof typeof auditStreams;

export const auditStreamName = (stream: AuditStream, namespace: string): string =>
  `logs-locum.${stream}-${namespace}`;

/** A document's id says where in which log its record is, and sorts so: two shippers make one document. */
export const auditDocumentId = (log: string, seq: number): string =>
  `${log}.${seq.toString(16).padStart(16, "0")}`;
