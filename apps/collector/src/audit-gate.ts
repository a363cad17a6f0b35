import { type AuditEvent, type AuditRecord, Fault } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import type { AuditLog } from "./audit-port.ts";

/** Events that wait for a full disk to have room again. */
const waitingMax = 50_000;

/**
 * The way of the collector's own events into the audit log, and the gate that commands pass: while one event is not
 * on disk, the gate is shut, and nothing is commanded. Events that could not be written are kept, in order, and tried
 * again; a fleet without orders is safe, an order without its record is not.
 */
export type AuditGate = {
  /** Resolves when the events are on disk, or wait behind a shut gate. Never rejects. */
  append(events: readonly AuditEvent[]): Promise<void>;
  /** Tries what waits. Called now and then by whoever has a clock. */
  retry(): Promise<void>;
  /** Null while the gate is open. */
  fault(): Fault | null;
  waiting(): number;
};

export function createAuditGate({
  log,
  say,
  onRecords,
}: {
  log: AuditLog;
  say: Log;
  onRecords: (records: readonly AuditRecord[]) => void;
}): AuditGate {
  let waiting: AuditEvent[] = [];
  let fault: Fault | null = null;
  let tail: Promise<void> = Promise.resolve();

  // One flush at a time takes everything that came meanwhile: group commit, and the order of the calls is kept.
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    try {
      const records = await log.append(batch);
      if (fault) say("info", "the audit log takes events again", { waited: batch.length });
      fault = null;
      onRecords(records);
    } catch (error) {
      waiting = [...batch, ...waiting];
      if (!fault)
        say("error", "the audit log takes no events: nothing is commanded until it does", { error });
      fault = faultOf(error);
      shed();
    }
  };

  const shed = (): void => {
    const excess = waiting.length - waitingMax;
    if (excess <= 0) return;
    waiting = waiting.slice(excess);
    say("error", "audit events were lost: too many wait for the disk", { lost: excess });
  };

  const queue = (): Promise<void> => {
    tail = tail.then(flush);
    return tail;
  };
  return {
    append(events) {
      waiting.push(...events);
      return queue();
    },
    retry: queue,
    fault: () => fault,
    waiting: () => waiting.length,
  };
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { code, message } = Object(error) as { code?: unknown; message?: string };
  return new Fault(code === "ENOSPC" ? "disk-full" : "storage-failed", message ?? String(error), {
    cause: error,
  });
}
