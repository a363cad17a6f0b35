import { Worker, type WorkerOptions } from "node:worker_threads";
import { Fault } from "@locum/contracts";
import { type Answered, type Asked, createAskedThread } from "../asked-thread.ts";
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
type Question = { job: JobName; asked: unknown };
export type JobQuestion = Asked<Question>;
export type JobAnswer = Answered<unknown>;

export type RepositoryThread = { jobs: RepositoryJobs; close(): Promise<void> };

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
  const { ask, close } = createAskedThread<Question, unknown>({
    // What this process was started with is not for a thread: an `--import` of its parent would run there again.
    start: () => new Worker(program, { resourceLimits, ...options, workerData: place, execArgv: [] }),
    what: "the repository's thread",
  });
  let isClosed = false;
  /** What is due while the collector stops must not start the thread again. */
  const give = (job: JobName, asked: unknown): Promise<unknown> =>
    isClosed ? Promise.reject(new Fault("conflict", "the collector stops")) : ask({ job, asked });
  return {
    jobs: Object.fromEntries(
      names.map((job) => [job, (asked: unknown) => give(job, asked)]),
    ) as unknown as RepositoryJobs,
    close() {
      isClosed = true;
      return close();
    },
  };
}
