import { Worker } from "node:worker_threads";
import type { AuditAnswer, AuditSearch } from "@locum/contracts";
import { type Answered, type Asked, createAskedThread } from "../asked-thread.ts";
import { searchProgram } from "./search-program.ts";

type Question = { edition: number; search: AuditSearch };
export type SearchQuestion = Asked<Question>;
export type SearchAnswer = Answered<AuditAnswer>;

/** Asks a projection on a thread of its own. `edition` grows whenever the file was made anew. */
export type SearchThread = {
  /** @throws Fault conflict | storage-failed */
  search(search: AuditSearch, edition: number): Promise<AuditAnswer>;
  close(): Promise<void>;
};

/** An answer is a thousand records at most; what needs more than this is no question to the log. */
const resourceLimits = { maxOldGenerationSizeMb: 256 };

/**
 * A question over many records that no index serves takes a second or more, and the collector decides failovers on its
 * main thread.
 */
export function createSearchThread(file: string): SearchThread {
  const { program, options } = searchProgram;
  const { ask, close } = createAskedThread<Question, AuditAnswer>({
    // What this process was started with is not for a thread: an `--import` of its parent would run there again.
    start: () => new Worker(program, { ...options, workerData: file, resourceLimits, execArgv: [] }),
    what: "the log's search",
  });
  return { search: (search, edition) => ask({ edition, search }), close };
}
