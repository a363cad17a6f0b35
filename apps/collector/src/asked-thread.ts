import type { Worker } from "node:worker_threads";
import { Fault, type FaultCode } from "@locum/contracts";

/** What is sent to the thread: the question beside its number. */
export type Asked<Question> = { id: number } & Question;
export type Answered<Result> = { id: number } & (
  | { result: Result }
  | { code: FaultCode; message: string; hint?: string }
);

export type AskedThread<Question, Result> = {
  /** @throws Fault conflict: too many wait · storage-failed: the thread ended · what the thread throws */
  ask(question: Question): Promise<Result>;
  /** Ends the thread; who waits is told. A question that comes later starts it again. */
  close(): Promise<void>;
};

const waitingMax = 256;

/**
 * Questions to a thread, which starts with the first of them and starts again after one that ended it. It holds up no
 * process that has nothing else to do.
 */
export function createAskedThread<Question extends object, Result>({
  start,
  what,
}: {
  start: () => Worker;
  /** In messages: "the log's search". */
  what: string;
}): AskedThread<Question, Result> {
  let [worker, lastId]: [Worker | null, number] = [null, 0];
  const waiting = new Map<number, { resolve(result: Result): void; reject(error: Error): void }>();
  const refuseAll = (why: string): void => {
    for (const { reject } of waiting.values()) reject(new Fault("storage-failed", `${what} ended: ${why}`));
    waiting.clear();
  };
  const begin = (): Worker => {
    const started = start();
    started.unref();
    started.on("message", (told: Answered<Result>) => {
      const asked = waiting.get(told.id);
      waiting.delete(told.id);
      if ("result" in told) return asked?.resolve(told.result);
      const { code, message, hint } = told;
      asked?.reject(new Fault(code, message, hint === undefined ? {} : { hint }));
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
    ask(question) {
      if (waiting.size >= waitingMax)
        return Promise.reject(new Fault("conflict", `${waitingMax} questions to ${what} wait already`));
      worker ??= begin();
      lastId += 1;
      const id = lastId;
      const answer = new Promise<Result>((resolve, reject) => waiting.set(id, { resolve, reject }));
      worker.postMessage({ id, ...question } satisfies Asked<Question>);
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
