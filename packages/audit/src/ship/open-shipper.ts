import { join } from "node:path";
import { auditStreamName, type ShippingView } from "@locum/contracts";
import type { Elasticsearch } from "../elasticsearch/open-elasticsearch.ts";
import { type LogFs, nodeLogFs, storageFault } from "../log-fs.ts";
import { createExchange } from "./create-exchange.ts";
import { openCursor } from "./cursor.ts";
import { feed } from "./feed.ts";
import { createGate } from "./gate.ts";
import { createKeeper } from "./keep-letters.ts";
import { openLetters } from "./letters.ts";
import { createPersist } from "./persist.ts";
import { createProblems } from "./problems.ts";
import { createProgress } from "./progress.ts";
import { reconcileForever } from "./reconcile-forever.ts";
import { type Replayed, replay } from "./replay.ts";
import { createRunner } from "./run-batch.ts";
import { sentBefore } from "./sent-before.ts";
import type { ShipClock } from "./ship-clock.ts";
import type { ShipNote } from "./ship-note.ts";
import { createTeller } from "./tell-counts.ts";
import { createWake } from "./wake.ts";

/**
 * Copies the audit log to Elasticsearch or OpenSearch: every record once, whatever the server does, and nothing waits
 * for it. It goes on by itself from `start` to `close`.
 */
export type Shipper = {
  start(): void;
  view(): ShippingView;
  /** Whether everything up to the head of now is accounted for, and written down as such, within the time. */
  drain(options: { timeoutMs: number }): Promise<boolean>;
  /** Sends what has a dead letter once more, as it is. @throws Fault upstream-unreachable | disk-full | storage-failed */
  replay(): Promise<Replayed>;
  /** Cuts off what is under way: the next one looks at it again. */
  close(): Promise<void>;
};

export type ShipperOptions = {
  /** Its own folder: cursor and dead letters. */
  dir: string;
  logId: string;
  /** The log's lines from a record on, up to its head when it is called. */
  lines: (first: number) => AsyncIterable<string>;
  head: () => { seq: number };
  /** With a key that may create documents. */
  server: Elasticsearch;
  /** With a key that may read them; without it nothing is compared or counted. */
  reader?: Elasticsearch | undefined;
  namespace: string;
  clock: ShipClock;
  random: { next(): number };
  say: (level: "info" | "warn" | "error", message: string, facts?: Record<string, unknown>) => void;
  /** Puts an event into the log itself. */
  note: (note: ShipNote) => Promise<unknown>;
  reconcileMs?: number;
  /** Documents in a request, and bytes of them. */
  batch?: { countMax: number; bytesMax: number };
  fs?: LogFs;
};

/** @throws Fault disk-full | storage-failed */
export async function openShipper(options: ShipperOptions): Promise<Shipper> {
  const closing = new AbortController();
  const { signal } = closing;
  const parts = await assemble(options, signal);
  const { cursor, letters, exchange, progress, problems, runner, wake } = parts;
  const { state } = cursor;
  const { head, say, logId } = options;

  let loops: Promise<unknown>[] | undefined;
  let replaying: Promise<Replayed> | undefined;
  const start = (): void => {
    loops ??= startLoops(options, parts, signal).map((loop) =>
      loop.catch((error: unknown) => {
        if (!signal.aborted) say("error", "the audit log's copy has stopped: this is a defect", { error });
      }),
    );
  };
  return {
    start,
    view() {
      const appended = head().seq + 1;
      return {
        elasticsearch: loops === undefined || signal.aborted ? "off" : exchange.state(),
        family: exchange.family(),
        head: head().seq,
        appended,
        ...progress.counts(),
        pending: appended - progress.accounted(),
        retries: runner.retries(),
        oldestPendingMs: state.next === appended ? null : progress.oldestMs(),
        problem: problems.view(),
        reconciled: state.reconciled,
      };
    },
    async drain({ timeoutMs }) {
      start();
      const target = head().seq;
      wake.now();
      if (!(await progress.reach(target, { timeoutMs, signal }))) return false;
      return cursor.save().then(
        () => true,
        () => false,
      );
    },
    replay() {
      replaying ??= replay({ letters, state, exchange, save: cursor.save, logId }).finally(() => {
        replaying = undefined;
      });
      return replaying;
    },
    async close() {
      if (signal.aborted) return;
      closing.abort();
      await Promise.allSettled([...(loops ?? []), replaying]);
      // Where nothing was cut off, nothing has to be looked for the next time.
      if (progress.underWay() === 0 && progress.accounted() === state.next) state.sentTo = state.next;
      await cursor.save().catch(() => {});
      await letters.close();
    },
  };
}

type Parts = Awaited<ReturnType<typeof assemble>>;

async function assemble(options: ShipperOptions, signal: AbortSignal) {
  const { logId, head, clock, random, say, server, reader, namespace } = options;
  const { cursor, letters } = await openFiles(options);
  const { state } = cursor;
  const problems = createProblems({ clock, say });
  const wake = createWake(clock, signal);
  /** Cut short after an outage. */
  const due = createWake(clock, signal);
  const gate = createGate({ clock, random, signal });
  const exchange = createExchange({
    server,
    reader,
    namespace,
    gate,
    problems,
    clock,
    random,
    signal,
    recovered: due.now,
  });
  const persist = createPersist({ problems, clock, random, signal });
  const save = (): Promise<void> => persist(cursor.save);
  const keeper = await createKeeper({ letters, state, clock, persist });
  const progress = createProgress({ state, clock, moved: keeper.forget });
  const before = { sentTo: state.sentTo };
  const runner = createRunner({ exchange, keeper, progress, problems, logId, before, save, clock, signal });
  const note = async (event: ShipNote): Promise<void> => {
    await options.note(event);
    wake.now();
  };
  const drained = (): boolean => state.next > head().seq;
  return { cursor, before, letters, problems, wake, due, exchange, save, progress, runner, note, drained };
}

function startLoops(options: ShipperOptions, parts: Parts, signal: AbortSignal): Promise<never>[] {
  const { logId, head, lines, clock, say, namespace, batch, reconcileMs = 3_600_000 } = options;
  const { cursor, before, letters, problems, wake, due, exchange, save, progress, runner, note, drained } =
    parts;
  const { state } = cursor;
  const tell = createTeller({ state, clock, note });
  const idle = async (): Promise<void> => {
    if (drained()) progress.rest();
    try {
      await tell();
    } catch (error) {
      // It is told later: what was told is counted.
      say("warn", "the audit log's copy: a note was not taken by the log", { error });
    }
  };
  const { run, resend } = runner;
  const asking = { ask: exchange.ask, resend, lines, letters, logId, namespace, signal };
  const start = async (): Promise<never> => {
    const length = head().seq + 1;
    if (cursor.isNew && length > 0) {
      const stream = auditStreamName("audit", namespace);
      before.sentTo = await sentBefore(exchange.ask, { stream, logId, length, signal });
    }
    return feed({ state, lines, head, batch, logId, save, run, idle, wake, problems, clock, signal });
  };
  return [
    start(),
    reconcileForever({ state, reconcileMs, due, drained, asking, save, note, problems, clock, say, signal }),
  ];
}

async function openFiles({ dir, fs = nodeLogFs, logId, head }: ShipperOptions) {
  try {
    // Another log's letters are not this one's.
    const own = join(dir, logId);
    await fs.list(own);
    const cursor = await openCursor({ dir: own, fs, logId, length: head().seq + 1 });
    return { cursor, letters: await openLetters({ dir: own, fs }) };
  } catch (error) {
    throw storageFault(`${dir} cannot be opened`, error);
  }
}
