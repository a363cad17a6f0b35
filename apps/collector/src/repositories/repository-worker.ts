import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { readTextFile } from "@locum/runtime";
import { openBucket } from "@locum/runtime/object-store";
import { keyOpener, nativeHash, openPlace, readPrivateKey, readRecipients } from "@locum/snapshot/repository";
import { answerJobs } from "./answer-jobs.ts";
import { createJobs } from "./create-jobs.ts";
import type { JobQuestion, ThreadPlace } from "./repository-thread.ts";

/** The thread that a repository is looked after on: a program of its own. The private key is read here and stays here. */
const { place, credentialsFile, privateKeyFile, recipientsFile } = workerData as ThreadPlace;
const answer = answerJobs(
  async () => {
    const env = (name: string) => process.env[name];
    const { store } = openPlace(place, { credentialsFile, cwd: process.cwd(), env, openBucket });
    // Kubernetes mounts secrets for a group.
    const key = await readPrivateKey(privateKeyFile, { readTextFile }, { groupMayRead: true });
    const random = (length: number) => randomBytes(length);
    const deps = { store, opener: keyOpener(key), hash: nativeHash, random, wallMs: Date.now };
    const recipients =
      recipientsFile === undefined ? [] : await readRecipients(recipientsFile, { readTextFile });
    return createJobs({ ...deps, recipients });
  },
  (told) => parentPort?.postMessage(told),
);

parentPort?.on("message", (question: JobQuestion) => void answer(question));
