import type { WorkerOptions } from "node:worker_threads";

/** The program of a repository's thread. The build puts the program's text in the place of this file: a bundle is one file. */
export const repositoryProgram: { program: string | URL; options: WorkerOptions } = {
  program: new URL("./repository-worker.ts", import.meta.url),
  options: {},
};
