import type { AuditAnswer, AuditEvent, AuditKind, AuditRecord, AuditSearch } from "@locum/contracts";

/**
 * What the collector needs of the audit log. `append` numbers the events in the order of the calls and resolves when
 * they are flushed (one flush for all calls that wait); a rejection means that none of them is in the log.
 */
export type AuditLog = {
  append(events: AuditEvent[]): Promise<AuditRecord[]>;
  query(filter: AuditFilter): AsyncIterable<AuditRecord> | Promise<AuditRecord[]>;
  /** Answers from the projection, once it holds everything up to the head of now. */
  search(search: AuditSearch): Promise<AuditAnswer>;
  head(): { seq: number; hash: string };
  /** The lines as they are on disk, from a record on. */
  lines(first: number): AsyncIterable<string>;
  close(): Promise<void>;
};

export type AuditFilter = {
  afterSeq?: number;
  kinds?: AuditKind[];
  service?: string;
  instance?: string;
  incident?: string;
  limit?: number;
  order?: "asc" | "desc";
};

export async function readAudit(log: AuditLog, filter: AuditFilter): Promise<AuditRecord[]> {
  const found = await log.query(filter);
  if (Array.isArray(found)) return found;
  const records: AuditRecord[] = [];
  for await (const record of found) records.push(record);
  return records;
}
