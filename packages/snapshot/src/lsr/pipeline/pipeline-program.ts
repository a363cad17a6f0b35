import type { WorkerOptions } from "node:worker_threads";

/** The program of the pool's threads. The build puts the program's text in the place of this file: a bundle is one file. */
export const pipelineProgram: { program: string | URL; options: WorkerOptions } = {
  program: new URL("./pipeline-worker.ts", import.meta.url),
  options: {},
};
