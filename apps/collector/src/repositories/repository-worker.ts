import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { readTextFile } from "@locum/runtime";
import { nodeFs } from "@locum/snapshot";
import { directoryStore, keyOpener, nativeHash, readPrivateKey } from "@locum/snapshot/repository";
import { answerJobs } from "./answer-jobs.ts";
import { createJobs } from "./create-jobs.ts";
import type { JobQuestion, ThreadPlace } from "./repository-thread.ts";

/** The thread that a repository is looked after on: a program of its own. */
const { place, privateKeyFile } = workerData as ThreadPlace;
const answer = answerJobs(
  async () => {
    const random = (length: number) => randomBytes(length);
    const privateKey = await readPrivateKey(privateKeyFile, { readTextFile }, { groupMayRead: true });
    return createJobs({
      store: directoryStore({ fs: nodeFs, root: place, random }),
      opener: keyOpener(privateKey),
      hash: nativeHash,
      random,
      wallMs: Date.now,
    });
  },
  (told) => parentPort?.postMessage(told),
);

parentPort?.on("message", (question: JobQuestion) => void answer(question));
