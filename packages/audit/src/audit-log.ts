import { type AuditEvent, type AuditKind, type AuditRecord, Fault } from "@locum/contracts";
import { createGroupCommit } from "./group-commit.ts";
import { type LogFs, nodeLogFs, storageFault } from "./log-fs.ts";
import { type LogTree, openLogTree } from "./log-tree.ts";
import type { NoteSigner } from "./note/note-key.ts";
import { fitEvent, type Link, noRecord, openRecord, sealLine } from "./seal-record.ts";
import { openSegments, type Segments } from "./segments.ts";

export type AuditQuery = {
  afterSeq?: number;
  kinds?: readonly AuditKind[];
  service?: string;
  instance?: string;
  incident?: string;
  /** At most 10 000; 1000 if absent. */
  limit?: number;
  order?: "asc" | "desc";
};

/**
 * The append-only log of facts: JSON lines, numbered without gaps, chained by SHA-256, in segment files that are
 * never overwritten.
 */
export type AuditLog = {
  /**
   * Numbers the events in the order of the calls; resolves when they are on disk. Calls that come together share one
   * flush. A rejection (disk-full, storage-failed, conflict, request-invalid) means that none of them is in the log,
   * and the log takes the next call as if nothing had been.
   */
  append(events: readonly AuditEvent[]): Promise<AuditRecord[]>;
  /** Reads in pieces of 64 KiB, each record proven against its hash. @throws Fault evidence-invalid */
  query(filter?: AuditQuery): Promise<AuditRecord[]>;
  /** The last durable record; seq -1 and a hash of zeros where there is none. */
  head(): Link;
  /** Reads everything and says where the chain breaks first. */
  verify(): Promise<{ ok: true } | { ok: false; badSeq: number }>;
  /** Its Merkle tree; null where the log was opened without a signer. */
  tree: LogTree | null;
  /** The lines as they are on disk, from a record on, unproven: for projections and verifiers. */
  lines(first: number): AsyncIterable<string>;
  close(): Promise<void>;
};

const limitMax = 10_000;

/**
 * Opens the log. A record that a crash cut short at the very end was never confirmed and is dropped; any other damage
 * is not repaired but reported.
 * @throws Fault evidence-invalid | disk-full | storage-failed
 */
export async function openAuditLog({
  dir,
  segmentBytes = 8_388_608,
  fs = nodeLogFs,
  signer,
}: {
  dir: string;
  segmentBytes?: number;
  fs?: LogFs;
  /** Signs checkpoints; without one the log keeps no tree. An older log grows its tree when it is opened with one. */
  signer?: NoteSigner;
}): Promise<AuditLog> {
  const segments = await openSegments({ dir, segmentBytes, fs, repairTail });
  const cannotOpen = async (error: unknown): Promise<never> => {
    await segments.close();
    throw storageFault(`${dir} cannot be opened`, error);
  };
  let head = await findHead(segments).catch(cannotOpen);
  let closed = false;
  const lines = (first: number): AsyncIterable<string> => linesFrom(segments, first);
  const count = head.seq + 1;
  const tree = signer ? await openLogTree({ dir, fs, signer, lines, count }).catch(cannotOpen) : null;

  const commits = createGroupCommit<AuditEvent[], AuditRecord[]>({
    async commit(batches) {
      let link = head;
      const written: string[] = [];
      const records = batches.map((events) =>
        events.map((event) => {
          const { record, line } = sealLine(event, link);
          link = record;
          written.push(line);
          return record;
        }),
      );
      if (written.length > 0) await segments.append(Buffer.from(`${written.join("\n")}\n`), head.seq + 1);
      head = { seq: link.seq, hash: link.hash };
      tree?.add(written);
      return records;
    },
  });

  return {
    async append(events) {
      if (closed) throw new Fault("conflict", "the audit log is closed");
      return commits.push(events.map(fitEvent));
    },
    query: (filter = {}) => query(segments, filter),
    head: () => head,
    verify: () => verify(segments, head),
    tree,
    lines,
    async close() {
      if (closed) return;
      closed = true;
      await commits.idle();
      await segments.close();
    },
  };
}

async function* linesFrom(segments: Segments, first: number): AsyncGenerator<string> {
  const list = segments.list();
  for (const [index, segment] of list.entries()) {
    if ((list[index + 1]?.first ?? Number.POSITIVE_INFINITY) <= first) continue;
    const start = segments.near(segment, first);
    let seq = start.first;
    for await (const line of segments.forward(segment, start.at)) {
      if (seq >= first) yield line;
      seq += 1;
    }
  }
}

async function query(segments: Segments, filter: AuditQuery): Promise<AuditRecord[]> {
  const { afterSeq = -1, limit = 1000, order = "asc" } = filter;
  const most = Math.min(limit, limitMax);
  const found: AuditRecord[] = [];
  const list = segments.list();
  const wanted = list.filter(
    (_, index) => (list[index + 1]?.first ?? Number.POSITIVE_INFINITY) > afterSeq + 1,
  );
  for (const segment of order === "asc" ? wanted : wanted.reverse()) {
    const lines =
      order === "asc"
        ? segments.forward(segment, segments.near(segment, afterSeq + 1).at)
        : segments.backward(segment);
    for await (const line of lines) {
      if (found.length >= most) return found;
      const record = openRecord(line, undefined);
      if (record.seq > afterSeq && matches(record, filter)) found.push(record);
      else if (order === "desc" && record.seq <= afterSeq) return found;
    }
  }
  return found;
}

function matches({ event }: AuditRecord, { kinds, service, instance, incident }: AuditQuery): boolean {
  return (
    (kinds === undefined || kinds.includes(event.kind)) &&
    (service === undefined || event.service === service) &&
    (instance === undefined || event.instance === instance) &&
    (incident === undefined || event.incident === incident)
  );
}

async function verify(segments: Segments, head: Link): Promise<{ ok: true } | { ok: false; badSeq: number }> {
  let link = noRecord;
  try {
    for (const segment of segments.list()) {
      if (segment.first !== link.seq + 1) return { ok: false, badSeq: link.seq + 1 };
      for await (const line of segments.forward(segment)) link = openRecord(line, link);
    }
  } catch (error) {
    if (error instanceof Fault && error.code === "evidence-invalid")
      return { ok: false, badSeq: link.seq + 1 };
    throw error;
  }
  return link.seq >= head.seq ? { ok: true } : { ok: false, badSeq: link.seq + 1 };
}

/** The last record; proves the last segment whole, and that the segments before it follow each other. */
async function findHead(segments: Segments): Promise<Link> {
  let link = noRecord;
  const list = segments.list();
  for (const [index, segment] of list.entries()) {
    if (segment.first !== link.seq + 1)
      throw new Fault("evidence-invalid", `${segment.path}: expected record ${link.seq + 1} here`);
    if (index === list.length - 1) {
      for await (const line of segments.forward(segment)) link = openRecord(line, link);
    } else {
      for await (const line of segments.backward(segment)) {
        link = openRecord(line, undefined);
        break;
      }
    }
  }
  return { seq: link.seq, hash: link.hash };
}

/** A cut line was never confirmed. One that is whole but for its newline was damaged after it was written. */
function repairTail(tail: string): string | undefined {
  if (isRecord(tail)) return tail;
  if (isRecord(tail.slice(0, -1)))
    throw new Fault("evidence-invalid", "the last record was changed: its end is another");
  return undefined;
}

function isRecord(line: string): boolean {
  try {
    openRecord(line, undefined);
    return true;
  } catch {
    return false;
  }
}
