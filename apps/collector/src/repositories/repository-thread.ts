import { Worker, type WorkerOptions } from "node:worker_threads";
import { Fault, type FaultCode } from "@locum/contracts";
import type { RepositoryJobs } from "./repository-jobs.ts";
import { repositoryProgram } from "./repository-program.ts";

export type JobName = keyof RepositoryJobs;
/** Where a repository lies and what opens it: paths, no secrets. */
export type ThreadPlace = {
  place: string;
  credentialsFile?: string;
  privateKeyFile: string;
  recipientsFile?: string;
};
export type JobQuestion = { id: number; job: JobName; asked: unknown };
export type JobAnswer = { id: number } & (
  | { result: unknown }
  | { code: FaultCode; message: string; hint: string }
);

export type RepositoryThread = { jobs: RepositoryJobs; close(): Promise<void> };

const waitingMax = 256;
/** A manifest has 256 MiB at most, and an index 65 bytes a chunk outside of the heap. */
const resourceLimits = { maxOldGenerationSizeMb: 2048 };
const names: readonly JobName[] = [
  "look",
  "show",
  "move",
  "planForget",
  "forget",
  "prune",
  "scrub",
  "drill",
  "keys",
];

/**
 * The jobs of a repository on a thread, which starts with the first and starts again after one that ended it. The
 * private key is read there and stays there.
 */
export function createRepositoryThread(
  place: ThreadPlace,
  { program, options }: { program: string | URL; options: WorkerOptions } = repositoryProgram,
): RepositoryThread {
  let [worker, lastId, isClosed]: [Worker | null, number, boolean] = [null, 0, false];
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();

  function refuseAll(why: string): void {
    for (const { reject } of waiting.values())
      reject(new Fault("storage-failed", `the repository's thread ended: ${why}`));
    waiting.clear();
  }

  function start(): Worker {
    // What this process was started with is not for a thread: an `--import` of its parent would run there again.
    const started = new Worker(program, { resourceLimits, ...options, workerData: place, execArgv: [] });
    started.unref();
    started.on("message", (told: JobAnswer) => {
      const asked = waiting.get(told.id);
      waiting.delete(told.id);
      if ("result" in told) asked?.resolve(told.result);
      else asked?.reject(new Fault(told.code, told.message, { hint: told.hint }));
    });
    const gone = (why: string): void => {
      if (worker !== started) return;
      worker = null;
      refuseAll(why);
    };
    started.on("error", (error) => gone((error as Error).message));
    started.on("exit", (code) => gone(`exit code ${code}`));
    return started;
  }

  function ask(job: JobName, asked: unknown): Promise<unknown> {
    if (isClosed || waiting.size >= waitingMax)
      return Promise.reject(
        new Fault(
          "conflict",
          isClosed ? "the collector stops" : `${waitingMax} questions to the repository wait`,
        ),
      );
    worker ??= start();
    lastId += 1;
    const question: JobQuestion = { id: lastId, job, asked };
    const answer = new Promise((resolve, reject) => waiting.set(question.id, { resolve, reject }));
    worker.postMessage(question);
    return answer;
  }

  return {
    jobs: Object.fromEntries(
      names.map((job) => [job, (asked: unknown) => ask(job, asked)]),
    ) as unknown as RepositoryJobs,
    async close() {
      isClosed = true;
      const ending = worker;
      worker = null;
      refuseAll("the collector stops");
      await ending?.terminate();
    },
  };
}
