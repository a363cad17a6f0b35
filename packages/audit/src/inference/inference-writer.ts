import { Fault, type InferenceRecord } from "@locum/contracts";
import { type LogFs, nodeLogFs } from "../log-fs.ts";
import type { InferenceBatch } from "./inference-batch.ts";
import { createStaging } from "./inference-staging.ts";

/** Where batches go. Repeated after a crash: what is there already under the name has the same bytes. */
export type InferenceSink = { put(name: string, text: string): Promise<void> };

/**
 * Inference records on their way: memory, a file in the state folder (flushed every tick), the sink, the root in the
 * audit log. What is on this disk survives a crash at any moment; of what is not, at most one tick is lost. Where disk
 * or sink take nothing, memory and files fill to their limits, and what comes then is refused and counted.
 */
export type InferenceWriter = {
  /** Costs the caller a push: never waits, never throws. */
  add(record: InferenceRecord): void;
  /** Flushes, closes a batch that is due, ships those that are closed. Called again and again; never throws. */
  tick(): Promise<void>;
  stats(): { waiting: number; stagedBytes: number; refused: number };
  /** Closes the batch; what the sink does not take now is shipped after the next start. */
  close(): Promise<void>;
};

type Options = {
  dir: string;
  fs?: LogFs;
  sink: InferenceSink;
  /** Resolves to true when the root is on its way, durably. May come twice for a batch, around a crash. */
  onBatch: (batch: InferenceBatch) => Promise<boolean>;
  /** So many records are not in any batch. */
  onRefused: (count: number) => void;
  onFault: (what: string, error: unknown) => void;
  monotonicMs: () => number;
  batchRecords?: number;
  batchMs?: number;
  batchBytes?: number;
  waitingMax?: number;
  stagedBytesMax?: number;
};

export function openInferenceWriter({
  dir,
  fs = nodeLogFs,
  sink,
  onBatch,
  onRefused,
  onFault,
  monotonicMs,
  batchRecords = 10_000,
  batchMs = 60_000,
  batchBytes = 4_194_304,
  waitingMax = 10_000,
  stagedBytesMax = 268_435_456,
}: Options): InferenceWriter {
  const staging = createStaging({ dir, fs, monotonicMs, batchRecords, batchBytes });
  let waiting: InferenceRecord[] = [];
  let refused = 0;
  let line: Promise<void> = Promise.resolve();

  const refuse = (count: number): void => {
    refused += count;
    onRefused(count);
  };
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const taken = await staging.append(waiting);
      waiting = waiting.slice(taken);
      await staging.seal(batchMs);
    }
  };
  const attempt = async (what: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      onFault(what, error);
      return false;
    }
  };
  const store = (sealAfterMs: number): Promise<void> => {
    line = line.then(async () => {
      await attempt("inference records are not on disk yet", flush);
      await attempt("a batch of inference records is not closed", () => staging.seal(sealAfterMs));
    });
    return line;
  };
  /** Beside the flushes: a slow sink must not fill the memory. */
  const ship = createShipping({
    ship: () =>
      attempt("a batch of inference records waits for its place", () =>
        staging.ship(async (batch, text) => {
          await sink.put(batch.name, text);
          if (await onBatch(batch)) return;
          throw new Fault("storage-failed", `the root of ${batch.name} is not in the spool`);
        }),
      ),
    monotonicMs,
  });

  return {
    add(record) {
      if (waiting.length < waitingMax && staging.bytes() < stagedBytesMax) waiting.push(record);
      else refuse(1);
    },
    async tick() {
      await store(batchMs);
      await ship();
    },
    stats: () => ({ waiting: waiting.length, stagedBytes: staging.bytes(), refused }),
    async close() {
      await store(0);
      await ship({ atOnce: true });
      if (waiting.length > 0) refuse(waiting.length);
    },
  };
}

/** A sink that failed is asked again after a second, then later and later, up to a minute. */
const againMs = { least: 1000, most: 60_000 };

/** One shipping at a time, shared by all who call meanwhile; after one that failed there is a pause. */
function createShipping({ ship, monotonicMs }: { ship: () => Promise<boolean>; monotonicMs: () => number }) {
  let running: Promise<void> | undefined;
  let pauseMs = 0;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  const run = async (): Promise<void> => {
    pauseMs = (await ship()) ? 0 : Math.min(againMs.most, Math.max(againMs.least, 2 * pauseMs));
    notBeforeMs = monotonicMs() + pauseMs;
  };
  return async ({ atOnce = false }: { atOnce?: boolean } = {}): Promise<void> => {
    if (atOnce) await running;
    else if (monotonicMs() < notBeforeMs) return;
    running ??= run().finally(() => {
      running = undefined;
    });
    await running;
  };
}
