import type { WorkerOptions } from "node:worker_threads";

/** The program of the search thread. The build puts the program's text in the place of this file: a bundle is one file. */
export const searchProgram: { program: string | URL; options: WorkerOptions } = {
  program: new URL("./search-worker.ts", import.meta.url),
  options: {},
};
