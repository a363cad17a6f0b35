import { deliver, refuse } from "./deliver.ts";
import type { ExchangeFault } from "./exchange.ts";
import { type AttemptJudge, forward } from "./forward.ts";
import { holdAnswer, inspectHeld, isLookedAt } from "./held-answer.ts";
import { type Attempt, dropAttempt, modelOf, outcomeOf, type Passage, tellOutcome } from "./passage.ts";
import { readBeside } from "./read-beside.ts";
import { isRepeatable, lookIntoBody } from "./repeatable.ts";
import { answersWell, type FailedTry, isDeath, mayResend } from "./retry-policy.ts";
import { observe } from "./tap-core.ts";
import type { Target } from "./target.ts";

/** Sends the request to the best target that has not had it, or refuses it where there is none. */
export function begin(passage: Passage): void {
  const choice = nextTarget(passage);
  if (choice) forward(passage, choice, judge);
  else refuse(passage, 503, passage.hop ? "not-served-here" : "no-fit-instance");
}

/**
 * Takes a request that waits on the own server back and sends it elsewhere, where the rules allow that. Otherwise
 * it goes on waiting: the server may yet answer, and nobody else may be asked.
 */
export function takeBack(passage: Passage): void {
  const { current } = passage;
  if (!current?.own || passage.ended || passage.delivering || current.mode === "over") return;
  if (passage.hop) {
    // The peer that sent it has other choices: it gets its answer now, to make them.
    if (!isRepeatable(passage)) return;
    tellOutcome(current, "diverted");
    dropAttempt(current);
    return refuse(passage, 503, "diverted");
  }
  const choice = resendTarget(current, { failure: "diverted", sent: true });
  if (!choice) return;
  tellOutcome(current, "diverted");
  dropAttempt(current);
  resend(passage, choice);
}

/** Ends a request that has had no answer yet: the instance may not answer any more, and nobody else is asked. */
export function fenceOff(passage: Passage): void {
  if (passage.ended || passage.delivering) return;
  for (const attempt of [passage.current, passage.first]) {
    if (!attempt) continue;
    tellOutcome(attempt, "diverted");
    dropAttempt(attempt);
  }
  refuse(passage, 503, "fenced");
}

type Failure = Pick<FailedTry, "failure" | "sent"> & { detail?: string };
type Choice = { target: Target; own: boolean; fresh: boolean };

const judge: AttemptJudge = {
  onHead(attempt) {
    const { passage, head } = attempt;
    if (!head) return;
    if (head.status >= 500) {
      attempt.mode = "held";
      fail(attempt, { failure: "status5xx", sent: true });
      return;
    }
    readBeside(attempt);
    if (!attempt.stream && isLookedAt(attempt)) holdAnswer(attempt, () => release(attempt));
    else pass(passage, attempt);
  },
  onWhole(attempt) {
    const { passage, head } = attempt;
    // A held 5xx is here in full while another instance is asked: that one decides what becomes of it.
    if (!head || attempt === passage.first) return;
    // In gRPC the end of an answer tells whether it is one.
    if (head.status >= 500) return fail(attempt, { failure: "status5xx", sent: true });
    attempt.defect = inspectHeld(attempt);
    if (!attempt.defect) return pass(passage, attempt);
    lookIntoBody(passage);
    fail(attempt, { failure: outcomeOf(attempt.defect), sent: true, detail: attempt.defect.detail });
  },
  onFault(attempt, fault) {
    const { passage } = attempt;
    if (passage.ended || attempt === passage.first) return;
    if (fault.stale && retryStale(attempt, fault)) return;
    fail(attempt, failureOf(fault));
  },
};

/** Not looked at after all: it is longer than may be held, or takes longer. */
function release(attempt: Attempt): void {
  if (attempt.mode === "held" && !attempt.complete) pass(attempt.passage, attempt);
}

/** A good answer, or at least one that another try would not better. */
function pass(passage: Passage, attempt: Attempt): void {
  const { first } = passage;
  if (first && !answersWell(attempt.head?.status ?? 0)) {
    tellOutcome(attempt, "ok");
    dropAttempt(attempt);
    return settle(passage, first);
  }
  if (first) {
    tellOutcome(first, "status5xx", { counts: true });
    dropAttempt(first);
  }
  if (attempt.complete) tellOutcome(attempt, "ok");
  tellContested(passage, attempt);
  deliver(attempt);
}

function tellContested(passage: Passage, { target, head }: Attempt): void {
  const { core, failure } = passage;
  if (!failure || failure.target.id === target.id || !answersWell(head?.status ?? 0)) return;
  const { outcome, detail, own } = failure;
  const model = modelOf(passage);
  observe(core, { kind: "contested", target: failure.target.id, own, model, outcome, detail });
}

function fail(attempt: Attempt, failure: Failure): void {
  const { passage } = attempt;
  const { target, own } = attempt;
  passage.failure = { target, own, outcome: failure.failure, detail: failure.detail ?? "" };
  if (isDeath(failure.failure)) passage.deaths += 1;
  // Whether a 5xx counts is known only when another instance has answered.
  if (failure.failure !== "status5xx") {
    tellOutcome(attempt, failure.failure, { counts: true, detail: failure.detail ?? "" });
  }
  const choice = resendTarget(attempt, failure);
  const hasAnswer = failure.failure === "status5xx" || attempt.defect !== undefined;
  if (choice) {
    if (hasAnswer) passage.first = attempt;
    else dropAttempt(attempt);
    return resend(passage, choice);
  }
  const answer = passage.first ?? (hasAnswer ? attempt : undefined);
  if (answer !== attempt) {
    tellOutcome(attempt, "status5xx");
    dropAttempt(attempt);
  }
  if (answer) return settle(passage, answer);
  refuse(passage, failure.failure === "timeout" ? 504 : 502, failure.failure);
}

/** Nobody answered better: the first answer passes unchanged, unless it is known to be wrong and may not. */
function settle(passage: Passage, answer: Attempt): void {
  const { defect } = answer;
  tellOutcome(answer, "status5xx");
  const mayPass = !defect || !provenWrong.has(defect.kind) || !passage.core.deps.failClosed;
  if (mayPass) return deliver(answer);
  dropAttempt(answer);
  refuse(passage, 503, defect.kind);
}

function resend(passage: Passage, choice: Choice): void {
  passage.resends += 1;
  passage.core.counters.resends += 1;
  forward(passage, choice, judge);
}

/** The same instance again, on a new connection: the old one had been closed before the request got there. */
function retryStale(attempt: Attempt, { sent }: ExchangeFault): boolean {
  const { passage, target, own } = attempt;
  if (attempt.fresh || !isKept(passage) || (sent && !isRepeatable(passage))) return false;
  passage.core.counters.staleRetries += 1;
  dropAttempt(attempt);
  forward(passage, { target, own, fresh: true }, judge);
  return true;
}

/** Where the request may go after this failure, with the budget paid; undefined where the rules forbid it. */
function resendTarget({ passage }: Attempt, { failure, sent }: Failure): Choice | undefined {
  const { core, hop, resends, deaths } = passage;
  const allowed = mayResend({
    failure,
    sent,
    // Asked last of all, for it may mean to read the body.
    idempotent: true,
    answerStarted: passage.delivering !== undefined || passage.ended,
    bodyKept: isKept(passage),
    hop,
    resends,
    deaths,
  });
  const choice = allowed ? nextTarget(passage) : undefined;
  if (!choice || (sent && !isRepeatable(passage))) return undefined;
  if (core.budget.withdraw(core.deps.clock.monotonicMs())) return choice;
  core.counters.budgetEmpty += 1;
  return undefined;
}

function nextTarget(passage: Passage): Choice | undefined {
  const { core, hop, tried, route } = passage;
  const {
    own,
    others,
    ownLast = false,
  } = core.deps.route({
    infer: route.kind === "infer",
    model: modelOf(passage),
  });
  const ownChoice = own && !tried.has(own.id) ? { target: own, own: true, fresh: false } : undefined;
  if (ownChoice && (hop || !ownLast)) return ownChoice;
  if (hop) return undefined;
  const other = others.find(({ id }) => !tried.has(id));
  return other ? { target: other, own: false, fresh: false } : ownChoice;
}

function isKept({ kept, hasBody }: Passage): boolean {
  return kept.whole || !hasBody;
}

function failureOf({ kind, sent, detail }: ExchangeFault): Failure {
  return { failure: kind, sent, detail };
}

/** Others are signs of a fault; these no client can use. */
const provenWrong: ReadonlySet<string> = new Set(["not-finite", "malformed", "truncated", "wrong-model"]);
