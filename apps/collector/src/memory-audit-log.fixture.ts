import { openProjection } from "@locum/audit/projection";
import { type AuditEvent, type AuditRecord, canonicalJson, Fault, sha256Hex } from "@locum/contracts";
import type { AuditLog } from "./audit-port.ts";

/** The port in memory, numbered and chained like the real one. Its disk can be full. */
export type MemoryAuditLog = AuditLog & { records: AuditRecord[]; failWith(error: Error | null): void };

export function memoryAuditLog(records: AuditRecord[] = []): MemoryAuditLog {
  let failure: Error | null = null;
  const append = (event: AuditEvent): AuditRecord => {
    const previous = records.at(-1)?.hash ?? "0".repeat(64);
    const seq = records.length;
    const record = { seq, event, previous, hash: sha256Hex(canonicalJson({ seq, event, previous })) };
    records.push(record);
    return record;
  };
  return {
    records,
    failWith: (error) => {
      failure = error;
    },
    async append(events) {
      await new Promise(setImmediate);
      if (failure) throw failure;
      return events.map(append);
    },
    async query({ afterSeq = -1, kinds, service, instance, incident, limit = 100, order = "asc" }) {
      const found = records.filter(
        ({ seq, event }) =>
          seq > afterSeq &&
          (kinds?.includes(event.kind) ?? true) &&
          (service ?? event.service) === event.service &&
          (instance ?? event.instance) === event.instance &&
          (incident ?? event.incident) === event.incident,
      );
      return (order === "asc" ? found : found.reverse()).slice(0, limit);
    },
    async search(search) {
      const projection = openProjection(":memory:");
      projection.add(records.map((record) => canonicalJson(record)));
      const answer = projection.search(search);
      projection.close();
      return answer;
    },
    async *lines(first) {
      for (const record of records.slice(first)) yield canonicalJson(record);
    },
    async prove() {
      throw new Fault("not-found", "a log in memory is not signed");
    },
    proofs: null,
    head: () => ({ seq: records.length - 1, hash: records.at(-1)?.hash ?? "0".repeat(64) }),
    close: async () => undefined,
  };
}
