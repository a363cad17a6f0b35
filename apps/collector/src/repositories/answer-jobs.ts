import { Fault } from "@locum/contracts";
import type { RepositoryJobs } from "./repository-jobs.ts";
import type { JobAnswer, JobQuestion } from "./repository-thread.ts";

/** Each question of the collector to its job. Jobs are opened at the first question, and again after a failure to open. */
export function answerJobs(
  open: () => Promise<RepositoryJobs>,
  tell: (answer: JobAnswer) => void,
): (question: JobQuestion) => Promise<void> {
  let opening: Promise<RepositoryJobs> | undefined;
  return async ({ id, job, asked }) => {
    try {
      opening ??= open();
      const jobs = await opening.catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      tell({ id, result: await (jobs[job] as (asked: unknown) => Promise<unknown>)(asked) });
    } catch (error) {
      const { code, message, hint } = error instanceof Fault ? error : new Fault("internal", String(error));
      tell({ id, code, message, hint });
    }
  };
}
