import { parentPort } from "node:worker_threads";
import { Fault } from "@locum/contracts/fault";
import { nativeHash } from "../crypto/native-hash.ts";
import { ownBuffer } from "../release.ts";
import { createPerformer } from "./perform-jobs.ts";
import type { Answer, Question } from "./snapshot-pool.ts";

/** A thread of the pool: a program of its own. */
const perform = createPerformer(nativeHash);

parentPort?.on("message", ({ id, job }: Question) => {
  try {
    const result = perform(job);
    // A chunk has a buffer of its own by then, and is moved, not copied.
    answer({ id, result }, job.kind === "open" && result instanceof Uint8Array ? ownBuffer(result) : []);
  } catch (error) {
    const { code, message } = error instanceof Fault ? error : new Fault("internal", String(error));
    answer({ id, code, message });
  }
});

function answer(told: Answer, moved: ArrayBuffer[] = []): void {
  parentPort?.postMessage(told, moved);
}
