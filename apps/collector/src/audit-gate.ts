import { createTally, type Tally } from "@locum/audit";
import { type AuditEvent, type AuditRecord, auditClassOf, Fault } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import type { AuditLog } from "./audit-port.ts";

/** Events that wait for a full disk to have room again: where counted, durable and strict ones find no more. */
const waitingMax = { counted: 1000, durable: 50_000, strict: 100_000 };

/**
 * The way of the collector's own events into the audit log, and the gate that commands pass: while one event is not
 * on disk, the gate is shut, and nothing is commanded. Events that could not be written are kept, in order, and tried
 * again; a fleet without orders is safe, an order without its record is not.
 *
 * Under pressure counted kinds are counted instead of kept. What finds no room is refused, loudly and counted; where
 * that was an intent, the gate stays shut until the collector starts again, for nobody could tell its command from one
 * that has a record.
 */
export type AuditGate = {
  /**
   * Resolves when the events are on disk, or wait behind a shut gate, or were counted.
   * @throws Fault disk-full | storage-failed where there is no room for them even to wait: none of the call is taken
   */
  append(events: readonly AuditEvent[]): Promise<void>;
  /** Tries what waits. Called now and then by whoever has a clock. */
  retry(): Promise<void>;
  /** Null while the gate is open. */
  fault(): Fault | null;
  /** @throws the fault of a shut gate: strict actions do not begin where their intent cannot be written */
  assertOpen(): void;
  waiting(): number;
  /** Events that are in the log as a number only. */
  counted(): { sampled: number; refused: number };
};

export function createAuditGate({
  log,
  say,
  onRecords,
  wallMs,
  tally = createTally(),
  limits = waitingMax,
}: {
  log: AuditLog;
  say: Log;
  onRecords: (records: readonly AuditRecord[]) => void;
  wallMs: () => number;
  tally?: Tally;
  limits?: typeof waitingMax;
}): AuditGate {
  let waiting: AuditEvent[] = [];
  let fault: Fault | null = null;
  let lostIntent: Fault | null = null;
  const counted = { sampled: 0, refused: 0 };
  let tail: Promise<void> = Promise.resolve();

  // One flush at a time takes everything that came meanwhile: group commit, and the order of the calls is kept.
  const flush = async (): Promise<void> => {
    const numbers = tally.untold({ at: new Date(wallMs()).toISOString(), actor: "collector" });
    if (waiting.length + numbers.events.length === 0) return;
    const batch = waiting;
    waiting = [];
    try {
      const records = await log.append([...batch, ...numbers.events]);
      if (fault) say("info", "the audit log takes events again", { waited: batch.length });
      fault = null;
      await numbers.told();
      onRecords(records);
    } catch (error) {
      waiting = [...batch, ...waiting];
      if (!fault)
        say("error", "the audit log takes no events: nothing is commanded until it does", { error });
      fault = faultOf(error);
    }
  };
  const queue = (): Promise<void> => {
    tail = tail.then(flush);
    return tail;
  };
  const count = (events: readonly AuditEvent[], why: "sampled" | "refused"): void => {
    counted[why] += events.length;
    for (const event of events) void tally.add(event, why);
  };
  const refuse = (events: readonly AuditEvent[]): Fault => {
    count(events, "refused");
    const refused = new Fault(
      fault?.code ?? "storage-failed",
      `${waiting.length} audit events wait already`,
      {
        hint: "Free space for the audit log. What was refused is counted in it by audit.count.",
      },
    );
    const kind = events.map((event) => event.kind).join(" ");
    say("error", "audit events were refused: too many wait for the disk", { count: events.length, kind });
    if (events.some((event) => auditClassOf(event.kind) === "strict"))
      lostIntent ??= new Fault("storage-failed", `the intent of ${kind} is not in the audit log`, {
        hint: "Free space for the audit log, then restart the collector.",
      });
    return refused;
  };
  return {
    append(events) {
      const isPressed = waiting.length >= limits.counted;
      const sampled = isPressed ? events.filter(({ kind }) => auditClassOf(kind) === "counted") : [];
      const kept = isPressed ? events.filter(({ kind }) => auditClassOf(kind) !== "counted") : events;
      const hasStrict = kept.some(({ kind }) => auditClassOf(kind) === "strict");
      const max = hasStrict ? limits.strict : limits.durable;
      if (kept.length > 0 && waiting.length + kept.length > max) return Promise.reject(refuse(kept));
      count(sampled, "sampled");
      waiting.push(...kept);
      return queue();
    },
    retry: queue,
    fault: () => fault ?? lostIntent,
    assertOpen() {
      const shut = fault ?? lostIntent;
      if (shut) throw new Fault(shut.code, `not ordered: its intent cannot be recorded (${shut.message})`);
    },
    waiting: () => waiting.length,
    counted: () => ({ ...counted }),
  };
}

/** For those who do not wait for an event: the gate has said it, and counted it. */
export const refusedAlready = (): void => {};

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { code, message } = Object(error) as { code?: unknown; message?: string };
  return new Fault(code === "ENOSPC" ? "disk-full" : "storage-failed", message ?? String(error), {
    cause: error,
  });
}
