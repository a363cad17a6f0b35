import { parentPort, workerData } from "node:worker_threads";
import { openProjectionReader, type ProjectionReader } from "@locum/audit/projection";
import { Fault } from "@locum/contracts";
import type { SearchAnswer, SearchQuestion } from "./search-thread.ts";

/** The thread that questions to the log are answered on: a program of its own. `workerData` is the projection's file. */
let open: { reader: ProjectionReader; edition: number } | null = null;

parentPort?.on("message", ({ id, edition, search }: SearchQuestion) => {
  parentPort?.postMessage(answerTo());

  function answerTo(): SearchAnswer {
    try {
      return { id, result: readerOf(edition).search(search) };
    } catch (error) {
      const { code, message } = error instanceof Fault ? error : new Fault("storage-failed", String(error));
      return { id, code, message };
    }
  }
});

/** A projection that was made anew is another file under the same name. */
function readerOf(edition: number): ProjectionReader {
  if (open?.edition === edition) return open.reader;
  open?.reader.close();
  open = null;
  open = { reader: openProjectionReader(String(workerData)), edition };
  return open.reader;
}
