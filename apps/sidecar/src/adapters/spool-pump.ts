import type { AuditEvent, SidecarFrame } from "@locum/contracts";
import type { Log } from "@locum/runtime";

/** What this needs of the durable queue of packages/audit. */
export type SpoolPort = {
  put(event: AuditEvent): Promise<number>;
  pending(limit: number): Promise<{ seq: number; event: AuditEvent }[]>;
  acknowledge(upToSeq: number): Promise<void>;
  stats(): { waiting: number };
  close(): Promise<void>;
};

export type SpoolPump = {
  /** On disk before the promise resolves; kept in memory, and tried again, while the disk refuses. Never throws. */
  record(event: AuditEvent): Promise<void>;
  /** A stream has opened: everything that is not acknowledged is sent again. */
  opened(): void;
  recorded(upToSeq: number): void;
  waiting(): number;
  close(): Promise<void>;
};

const batch = 64;
/** Events that a full disk did not take. Beyond this the oldest are lost, which is logged. */
const heldMax = 1000;
const againMs = 5000;

/** Sends the spool in order, a batch at a time: the next one leaves when the collector has the last one on disk. */
export function createSpoolPump({
  spool,
  send,
  log,
}: {
  spool: SpoolPort;
  send: (frame: SidecarFrame) => boolean;
  log: Log;
}): SpoolPump {
  const held: AuditEvent[] = [];
  let sentSeq = -1;
  let pumping = false;
  let more = false;

  const pump = async (): Promise<void> => {
    if (pumping) {
      more = true;
      return;
    }
    pumping = true;
    try {
      do {
        more = false;
        for (const { seq, event } of await spool.pending(batch)) {
          if (seq <= sentSeq) continue;
          if (!send({ kind: "record", seq, event })) return;
          sentSeq = seq;
        }
      } while (more);
    } catch (error) {
      log("warn", "the spool could not be read", { error });
    } finally {
      pumping = false;
    }
  };
  const store = async (event: AuditEvent): Promise<boolean> => {
    try {
      await spool.put(event);
      return true;
    } catch (error) {
      log("error", "an event is not on disk yet", { error, waited: held.length });
      return false;
    }
  };
  // One at a time, so that the order of events is the order on disk.
  let line: Promise<void> = Promise.resolve();
  const inLine = (work: () => Promise<void>): Promise<void> => {
    line = line.then(work);
    return line;
  };
  const drainHeld = async (): Promise<void> => {
    while (held[0] && (await store(held[0]))) held.shift();
  };
  const timer = setInterval(() => void inLine(drainHeld).then(pump), againMs);
  timer.unref();

  return {
    async record(event) {
      await inLine(async () => {
        await drainHeld();
        if (held.length === 0 && (await store(event))) return;
        held.push(event);
        if (held.length <= heldMax) return;
        held.shift();
        log("error", "an event was lost: the disk takes none", { lost: 1 });
      });
      await pump();
    },
    opened() {
      sentSeq = -1;
      void pump();
    },
    recorded(upToSeq) {
      void spool
        .acknowledge(upToSeq)
        .then(pump)
        .catch((error: unknown) => log("warn", "the spool could not be shortened", { error }));
    },
    waiting: () => held.length + spool.stats().waiting,
    async close() {
      clearInterval(timer);
      await inLine(drainHeld);
      await spool.close();
    },
  };
}

/**
 * A spool that is opened when it is first needed, and again until it opens: a disk that is full at the start must not
 * keep the sidecar from its work.
 */
export function lazySpool(open: () => Promise<SpoolPort>): SpoolPort {
  let opening: Promise<SpoolPort> | null = null;
  let opened: SpoolPort | null = null;
  const ready = async (): Promise<SpoolPort> => {
    opening ??= open();
    try {
      opened = await opening;
      return opened;
    } catch (error) {
      opening = null;
      throw error;
    }
  };
  return {
    put: async (event) => (await ready()).put(event),
    pending: async (limit) => (await ready()).pending(limit),
    acknowledge: async (upToSeq) => (await ready()).acknowledge(upToSeq),
    stats: () => opened?.stats() ?? { waiting: 0 },
    close: async () => opened?.close(),
  };
}
