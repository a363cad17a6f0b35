import { setImmediate as nextTurn } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import type { AuditLog } from "../audit-port.ts";

const waitingMax = 200;

/**
 * The log's questions for pages, one after the other and each in a turn of its own: an answer is computed on the thread
 * that decides, and a page of twelve panels must not hold up a failover twelve times as long as one.
 */
export function oneAtATime({ search }: Pick<AuditLog, "search">): AuditLog["search"] {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (question) => {
    if (waiting >= waitingMax)
      throw new Fault("conflict", `${waitingMax} questions to the log wait already`, {
        hint: "Reload the page in a moment.",
      });
    waiting += 1;
    const answer = last.then(() => nextTurn()).then(() => search(question));
    last = answer.catch(() => undefined);
    return answer.finally(() => {
      waiting -= 1;
    });
  };
}
