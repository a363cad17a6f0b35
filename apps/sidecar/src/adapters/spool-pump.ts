import type { Tally } from "@locum/audit";
import { type AuditEvent, auditClassOf, type SidecarFrame } from "@locum/contracts";
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
  /**
   * True when it is on disk. False while the disk refuses: it is kept in memory then and tried again; counted, where it
   * is of that class or no room is left. What may not run without its record does not run then. Never throws.
   */
  record(event: AuditEvent): Promise<boolean>;
  /** Tries what is kept in memory; true where nothing is any more. Never throws. */
  drained(): Promise<boolean>;
  /** A stream has opened: everything that is not acknowledged is sent again. */
  opened(): void;
  recorded(upToSeq: number): void;
  waiting(): number;
  close(): Promise<void>;
};

const batch = 64;
/** Events that a full disk did not take. Beyond this they are refused, and the log gets their number. */
const heldMax = 1000;
/** So many unacknowledged events are a collector that is long away, or a burst: counted kinds make room. */
const pressedAt = 5000;
const againMs = 5000;

/** Sends the spool in order, a batch at a time: the next one leaves when the collector has the last one on disk. */
export function createSpoolPump({
  spool,
  tally,
  stamp,
  send,
  log,
  pressed = pressedAt,
}: {
  spool: SpoolPort;
  tally: Tally;
  /** Of the events that say what was counted. */
  stamp: () => Pick<AuditEvent, "at" | "actor">;
  pressed?: number;
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
  const store = storeIn({ spool, log, waited: () => held.length });
  // One at a time, so that the order of events is the order on disk.
  let line: Promise<unknown> = Promise.resolve();
  const inLine = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = line.then(work);
    line = turn;
    return turn;
  };
  const waiting = (): number => held.length + spool.stats().waiting;
  const isPressed = (): boolean => held.length > 0 || waiting() >= pressed;
  const drainHeld = async (): Promise<void> => {
    while (held[0] && (await store(held[0]))) held.shift();
    if (tally.isEmpty() || isPressed()) return;
    const { events, told } = tally.untold(stamp());
    for (const event of events) if (!(await store(event))) return;
    await told();
  };
  const keep = async (event: AuditEvent): Promise<boolean> => {
    if (isPressed() && auditClassOf(event.kind) === "counted") {
      await tally.add(event, "sampled");
      return false;
    }
    await drainHeld();
    if (held.length === 0 && (await store(event))) return true;
    if (held.length < heldMax) held.push(event);
    else {
      log("error", "an event was refused: the disk takes none, and too many wait", { kind: event.kind });
      await tally.add(event, "refused");
    }
    return false;
  };
  const timer = setInterval(() => void inLine(drainHeld).then(pump), againMs);
  timer.unref();

  return {
    async record(event) {
      const onDisk = await inLine(() => keep(event));
      await pump();
      return onDisk;
    },
    drained: () =>
      inLine(async () => {
        await drainHeld();
        return held.length === 0;
      }),
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
    waiting,
    async close() {
      clearInterval(timer);
      await inLine(drainHeld);
      await spool.close();
    },
  };
}

function storeIn({
  spool,
  log,
  waited,
}: {
  spool: SpoolPort;
  log: Log;
  waited: () => number;
}): (event: AuditEvent) => Promise<boolean> {
  return async (event) => {
    try {
      await spool.put(event);
      return true;
    } catch (error) {
      log("error", "an event is not on disk yet", { error, waited: waited() });
      return false;
    }
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
