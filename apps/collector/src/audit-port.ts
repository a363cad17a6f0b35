import type {
  AuditAnswer,
  AuditEvent,
  AuditKind,
  AuditProof,
  AuditRecord,
  AuditSearch,
} from "@locum/contracts";

/**
 * What the collector needs of the audit log. `append` numbers the events in the order of the calls and resolves when
 * they are flushed (one flush for all calls that wait); a rejection means that none of them is in the log.
 */
export type AuditLog = {
  append(events: AuditEvent[]): Promise<AuditRecord[]>;
  query(filter: AuditFilter): AsyncIterable<AuditRecord> | Promise<AuditRecord[]>;
  /** Answers from the projection, once it holds everything up to the head of now. */
  search(search: AuditSearch): Promise<AuditAnswer>;
  /** Signs the log as it is and proves each of the records in it. @throws Fault not-found | evidence-invalid */
  prove(seqs: readonly number[]): Promise<AuditProof>;
  head(): { seq: number; hash: string };
  /** The lines as they are on disk, from a record on. */
  lines(first: number): AsyncIterable<string>;
  /** What witnesses need; null where nobody signs the log. */
  proofs: AuditProofs | null;
  close(): Promise<void>;
};

/** The signed tree of a log, in texts: notes, keys and hashes as they travel. */
export type AuditProofs = {
  /** Of the log, <name>+<id>+<base64>. */
  key: string;
  /** That the newest checkpoint begins with the first `old` records; empty where there are not so many. */
  consistency(old: number): Promise<string[]>;
  /** The key of a witness of this instance, and no other. */
  isWitness(key: string, instance: string): boolean;
  /** False where the line is not by this witness, or of another checkpoint than the newest. */
  addCosignature(line: string, witness: string): Promise<boolean>;
  /** The log signed this once, and no longer begins with it. */
  isForked(note: string): Promise<boolean>;
  /** Called with the checkpoint that there is, and with each new one. */
  onCheckpoint(listener: (note: string, size: number) => void): () => void;
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
