import { availableParallelism } from "node:os";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { Fault, type FaultCode } from "@locum/contracts";
import type { Job, JobKind, JobOf, ResultOf } from "./job.ts";
import { pipelineProgram } from "./pipeline-program.ts";

export type Question = { id: number; job: Job };
export type Answer = { id: number } & ({ result: ResultOf<JobKind> } | { code: FaultCode; message: string });

/** Threads for what a loop that serves requests must not do: hashing, compression, encryption. */
export type SnapshotPool = {
  threads: number;
  /**
   * On that thread, or on the next that is free. What is `moved` is the thread's then, and not the caller's.
   * @throws Fault what the job throws · internal: a thread ended · conflict: too many wait, or the pool is closed
   */
  run<Kind extends JobKind>(
    kind: Kind,
    job: JobOf<Kind>,
    thread?: number,
    moved?: readonly ArrayBuffer[],
  ): Promise<ResultOf<Kind>>;
  /** A number for a file, and the thread with the least to do for it. */
  begin(): { file: number; thread: number };
  /** Ends the threads; who waits is told. Harmless when called twice. */
  close(): Promise<void>;
};

type Waiting = {
  question: Question;
  moved: readonly ArrayBuffer[];
  resolve(result: never): void;
  reject(error: Error): void;
};
type Thread = { worker: Worker; given: Map<number, Waiting>; own: Waiting[] };

const waitingMax = 4096;
/** One that is worked on, and one so that the thread never waits for the next. */
const givenMax = 2;
/** Chunks are outside of the heap: what is on it is small, and a small young generation keeps it so. */
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 2 };

/**
 * One thread a core, started at once: who makes a pool has something else to do before its first job. A thread that ends before its time ends the others: what they hold of
 * a file's digest is worth nothing without it. Everybody who waits gets a fault, and the next job starts new threads.
 */
export function createSnapshotPool({
  threads: count = Math.max(1, availableParallelism()),
  program = pipelineProgram,
}: {
  threads?: number;
  program?: { program: string | URL; options: WorkerOptions };
} = {}): SnapshotPool {
  let [threads, common]: [Thread[], Waiting[]] = [startAll(), []];
  let [lastId, lastFile, waiting, isClosed] = [0, 0, 0, false];

  function startAll(): Thread[] {
    return Array.from({ length: count }, start);
  }

  function start(): Thread {
    // What this process was started with is not for a thread: an `--import` of its parent would run there again.
    const worker = new Worker(program.program, { ...program.options, resourceLimits, execArgv: [] });
    const thread: Thread = { worker, given: new Map(), own: [] };
    worker.unref();
    worker.on("message", (told: Answer) => settle(thread, told));
    worker.on("error", (error) => fail(thread, (error as Error).message));
    worker.on("exit", (code) => fail(thread, `exit code ${code}`));
    return thread;
  }

  function settle(thread: Thread, told: Answer): void {
    const asked = thread.given.get(told.id);
    thread.given.delete(told.id);
    if (thread.given.size === 0) thread.worker.unref();
    feed();
    if (!asked) return;
    waiting -= 1;
    if ("result" in told) asked.resolve(told.result as never);
    else asked.reject(new Fault(told.code, told.message));
  }

  function fail(thread: Thread, why: string): void {
    if (threads.includes(thread)) void end(new Fault("internal", `a thread for snapshots ended: ${why}`));
  }

  async function end(fault: Fault): Promise<void> {
    const [ending, left] = [threads, common];
    [threads, common, waiting] = [[], [], 0];
    for (const { given, own } of ending) left.push(...given.values(), ...own);
    for (const { reject } of left) reject(fault);
    await Promise.all(ending.map(({ worker }) => worker.terminate()));
  }

  /** Every thread one job before any gets its second. */
  function feed(): void {
    for (let held = 0; held < givenMax; held++)
      for (const thread of threads) {
        if (thread.given.size > held) continue;
        const next = thread.own.shift() ?? common.shift();
        if (!next) continue;
        if (thread.given.size === 0) thread.worker.ref();
        thread.given.set(next.question.id, next);
        thread.worker.postMessage(next.question, next.moved);
      }
  }

  return {
    threads: count,
    run(kind, job, thread, moved = []) {
      if (isClosed || waiting >= waitingMax)
        return Promise.reject(
          new Fault(
            "conflict",
            isClosed ? "the pool is closed" : `${waitingMax} jobs for snapshots wait already`,
          ),
        );
      if (threads.length === 0) threads = startAll();
      waiting += 1;
      lastId += 1;
      const question = { id: lastId, job: { kind, ...job } as unknown as Job };
      return new Promise((resolve, reject) => {
        const queue = thread === undefined ? common : (threads[thread % count]?.own ?? common);
        queue.push({ question, moved, resolve, reject });
        feed();
      });
    },
    begin() {
      lastFile += 1;
      const loads = threads.map(({ given, own }) => given.size + own.length);
      return { file: lastFile, thread: Math.max(0, loads.indexOf(Math.min(...loads))) };
    },
    close() {
      isClosed = true;
      return end(new Fault("conflict", "the pool was closed"));
    },
  };
}
