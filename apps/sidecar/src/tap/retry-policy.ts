import type { TapOutcome } from "./tap-event.ts";

/** One failed try, as far as the rules look at it. */
export type FailedTry = {
  failure: Exclude<TapOutcome, "ok" | "client-gone">;
  /** Whether any byte of the request can have reached the instance. */
  sent: boolean;
  idempotent: boolean;
  /** Whether any byte of an answer has gone to the client. */
  answerStarted: boolean;
  /** Whether all of the request body that came so far is still held. */
  bodyKept: boolean;
  /** Whether a peer's tap sent it here: it is then never sent on. */
  hop: boolean;
  /** Earlier sendings of this request to another instance. */
  resends: number;
  /** Instances that died while they held this request, this one included. */
  deaths: number;
};

/**
 * Whether a request may be sent to another instance. Sent is not unexecuted: what may have been executed goes
 * out again only where executing it twice does no harm. The budget is asked after this, for it is spent by asking.
 */
export function mayResend(failed: FailedTry): boolean {
  if (failed.answerStarted || failed.hop || !failed.bodyKept) return false;
  if (failed.resends >= resendsMax || failed.deaths >= deathsMax) return false;
  return failed.idempotent || !failed.sent;
}

/** Whether the instance may have died of the request: a request that kills must not walk through the fleet. */
export function isDeath(failure: TapOutcome): boolean {
  return failure === "reset" || failure === "truncated";
}

/** Whether an answer shows that a 5xx elsewhere was the instance's fault: a 4xx may come of what is not loaded. */
export function answersWell(status: number): boolean {
  return status < 400;
}

const resendsMax = 1;
const deathsMax = 2;
