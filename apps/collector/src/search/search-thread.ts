import { Worker } from "node:worker_threads";
import { type AuditAnswer, type AuditSearch, Fault, type FaultCode } from "@locum/contracts";
import { searchProgram } from "./search-program.ts";

export type SearchQuestion = { id: number; edition: number; search: AuditSearch };
export type SearchAnswer = { id: number } & ({ answer: AuditAnswer } | { code: FaultCode; message: string });

/** Asks a projection on a thread of its own. `edition` grows whenever the file was made anew. */
export type SearchThread = {
  /** @throws Fault conflict | storage-failed */
  search(search: AuditSearch, edition: number): Promise<AuditAnswer>;
  close(): Promise<void>;
};

const waitingMax = 256;
/** An answer is a thousand records at most; what needs more than this is no question to the log. */
const resourceLimits = { maxOldGenerationSizeMb: 256 };

/**
 * A question over many records that no index serves takes a second or more, and the collector decides failovers on its
 * main thread. The thread starts with the first question, and again after one that ended it.
 */
export function createSearchThread(file: string): SearchThread {
  let worker: Worker | null = null;
  let lastId = 0;
  const waiting = new Map<number, { resolve(answer: AuditAnswer): void; reject(error: Error): void }>();
  const refuseAll = (why: string): void => {
    for (const { reject } of waiting.values())
      reject(new Fault("storage-failed", `the log's search ended: ${why}`));
    waiting.clear();
  };
  const start = (): Worker => {
    // What this process was started with is not for a thread: an `--import` of its parent would run there again.
    const given = { workerData: file, resourceLimits, execArgv: [] };
    const started = new Worker(searchProgram.program, { ...searchProgram.options, ...given });
    // It holds up no process that has nothing else to do.
    started.unref();
    started.on("message", (told: SearchAnswer) => {
      const asked = waiting.get(told.id);
      waiting.delete(told.id);
      if ("answer" in told) asked?.resolve(told.answer);
      else asked?.reject(new Fault(told.code, told.message));
    });
    const gone = (why: string): void => {
      if (worker !== started) return;
      worker = null;
      refuseAll(why);
    };
    started.on("error", (error) => gone((error as Error).message));
    started.on("exit", (code) => gone(`exit code ${code}`));
    return started;
  };
  return {
    search(search, edition) {
      if (waiting.size >= waitingMax)
        return Promise.reject(new Fault("conflict", `${waitingMax} questions to the log wait already`));
      worker ??= start();
      lastId += 1;
      const question: SearchQuestion = { id: lastId, edition, search };
      const answer = new Promise<AuditAnswer>((resolve, reject) =>
        waiting.set(question.id, { resolve, reject }),
      );
      worker.postMessage(question);
      return answer;
    },
    async close() {
      const ending = worker;
      worker = null;
      refuseAll("the collector stops");
      await ending?.terminate();
    },
  };
}
