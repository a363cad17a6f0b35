import { type AuditEvent, type AuditRecord, canonicalJson, sha256Hex } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import { type AuditLog, readAudit } from "./audit-port.ts";
import type { Origin, Store } from "./store.ts";

/** What one write takes. */
const batchMax = 1000;
/** Records that a crash can have left in the log and not in the store: those of the last write. */
const lookBackMax = 5 * batchMax;
/** A sender may have 256 records unacknowledged (docs/stream.md); one that has this many does not wait for us. */
const waitingPerSenderMax = 1024;

export type RecordSender = { service: string; instance: string };
type Waiting = { sender: RecordSender; origin: Origin; event: AuditEvent; onRecorded: (seq: number) => void };

export type RecordIntake = {
  /**
   * Takes one record; `onRecorded` is called when it, and all before it from this sender, are on disk. False where the
   * sender sends without waiting: it must be closed, and begin again with its oldest unacknowledged record.
   */
  take(sender: RecordSender, seq: number, event: AuditEvent, onRecorded: (seq: number) => void): boolean;
  /** Forgets what waits from a sender that is gone: its spool has it still. */
  forget(sender: RecordSender): void;
  /** Tries again after a failed write. */
  retry(): Promise<void>;
  waiting(): number;
};

/**
 * Records of the sidecars into the audit log: appended, marked, then acknowledged, each exactly once. The log comes
 * first; each record carries its origin there, so that the store learns on opening what a crash kept from it.
 */
export async function openRecordIntake({
  log,
  store,
  say,
  onRecords,
}: {
  log: AuditLog;
  store: Pick<Store, "areRecorded" | "markRecorded">;
  say: Log;
  onRecords: (records: readonly AuditRecord[]) => void;
}): Promise<RecordIntake> {
  const latest = await readAudit(log, { order: "desc", limit: lookBackMax }).catch((error: unknown) => {
    // A damaged log is for locum verify to judge. What is lost here is the memory of one last write.
    say("error", "the end of the audit log cannot be read", { error });
    return [];
  });
  await store.markRecorded(latest.flatMap(({ event }) => originOf(event) ?? []));

  let waiting: Waiting[] = [];
  let running: Promise<void> | null = null;
  const counts = new Map<RecordSender, number>();

  // In the log and not yet in the store: a write that failed halfway must not be repeated from its start.
  const unmarked = new Map<string, Origin>();

  const write = async (batch: readonly Waiting[]): Promise<void> => {
    const known = await store.areRecorded(batch.map(({ origin }) => origin));
    const fresh = new Map<string, Waiting>();
    for (const [index, entry] of batch.entries()) {
      const key = canonicalJson(entry.origin);
      if (!known[index] && !unmarked.has(key)) fresh.set(key, entry);
    }
    if (fresh.size > 0) onRecords(await log.append([...fresh.values()].map(withOrigin)));
    for (const [key, { origin }] of fresh) unmarked.set(key, origin);
    await store.markRecorded([...unmarked.values()]);
    unmarked.clear();
    const last = new Map(batch.map((entry) => [entry.sender, entry]));
    for (const { origin, onRecorded } of last.values()) onRecorded(origin.seq);
  };

  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchMax);
      try {
        await write(batch);
      } catch (error) {
        // Nothing was acknowledged, so nothing is lost: the next record or tick tries again.
        say("error", "records of sidecars could not be written", { error, count: waiting.length });
        return;
      }
      const done = new Set(batch);
      waiting = waiting.filter((entry) => !done.has(entry));
      for (const { sender } of batch) settle(sender);
    }
  };
  const settle = (sender: RecordSender): void => {
    const count = (counts.get(sender) ?? 1) - 1;
    if (count <= 0) counts.delete(sender);
    else counts.set(sender, count);
  };
  const run = (): Promise<void> => {
    running ??= work().finally(() => {
      running = null;
    });
    return running;
  };

  return {
    take(sender, seq, event, onRecorded) {
      const { service, instance } = sender;
      const count = counts.get(sender) ?? 0;
      if (count >= waitingPerSenderMax) return false;
      counts.set(sender, count + 1);
      const digest = sha256Hex(canonicalJson(event)).slice(0, 16);
      waiting.push({ sender, origin: { service, instance, seq, digest }, event, onRecorded });
      void run();
      return true;
    },
    forget(sender) {
      waiting = waiting.filter((entry) => entry.sender !== sender);
      counts.delete(sender);
    },
    retry: run,
    waiting: () => waiting.length,
  };
}

const withOrigin = ({ event, origin }: Waiting): AuditEvent => ({
  ...event,
  facts: { ...event.facts, "origin.seq": origin.seq, "origin.digest": origin.digest },
});

function originOf({ service, instance, actor, facts }: AuditEvent): Origin | undefined {
  const { "origin.seq": seq, "origin.digest": digest } = facts;
  if (typeof seq !== "number" || typeof digest !== "string") return undefined;
  return { service, instance: instance ?? actor.replace(/^sidecar:/, ""), seq, digest };
}
