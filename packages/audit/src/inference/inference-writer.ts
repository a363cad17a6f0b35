import type { InferenceRecord } from "@locum/contracts";
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
  const give = async (batch: InferenceBatch, text: string): Promise<boolean> => {
    await sink.put(batch.name, text);
    return onBatch(batch);
  };
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      onFault(what, error);
    }
  };
  const round = (sealAfterMs: number) => async (): Promise<void> => {
    await attempt("inference records are not on disk yet", flush);
    await attempt("a batch of inference records is not closed", () => staging.seal(sealAfterMs));
    await attempt("a batch of inference records waits for its place", () => staging.ship(give));
  };
  const inLine = (work: () => Promise<void>): Promise<void> => {
    line = line.then(work);
    return line;
  };

  return {
    add(record) {
      if (waiting.length < waitingMax && staging.bytes() < stagedBytesMax) waiting.push(record);
      else refuse(1);
    },
    tick: () => inLine(round(batchMs)),
    stats: () => ({ waiting: waiting.length, stagedBytes: staging.bytes(), refused }),
    close: () =>
      inLine(async () => {
        await round(0)();
        if (waiting.length > 0) refuse(waiting.length);
      }),
  };
}
