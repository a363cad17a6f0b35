import type { AnswerHead } from "./answer-head.ts";
import { endStream, readPiece } from "./answer-stream.ts";
import { cutOff, endAnswer, flushAnswer, inform, writeAnswer } from "./deliver.ts";
import type { ExchangeFault, ExchangeSink } from "./exchange.ts";
import { type Attempt, createAttempt, modelOf, type Passage, tellOutcome } from "./passage.ts";
import { withRequestId } from "./request-id.ts";
import { observe } from "./tap-core.ts";
import type { Target } from "./target.ts";

/** Who decides what becomes of a try. Each is called while nothing of its answer has gone to the client. */
export type AttemptJudge = {
  onHead(attempt: Attempt): void;
  /** All of a held answer is here. */
  onWhole(attempt: Attempt): void;
  onFault(attempt: Attempt, fault: ExchangeFault): void;
};

/** Sends the request to one target: what is kept of its body first, the rest as it comes. */
export function forward(
  passage: Passage,
  choice: { target: Target; own: boolean; fresh: boolean },
  judge: AttemptJudge,
): void {
  const { core, req, route } = passage;
  const attempt = createAttempt(passage, choice);
  passage.current = attempt;
  passage.tried.add(choice.target.id);
  const { id } = choice.target;
  observe(core, {
    kind: "started",
    target: id,
    own: choice.own,
    infer: route.kind === "infer",
    model: modelOf(passage),
    atMs: attempt.launchedMs,
  });
  const request = {
    method: req.method ?? "GET",
    url: req.url ?? "/",
    rawHeaders:
      passage.requestId === undefined ? req.rawHeaders : withRequestId(req.rawHeaders, passage.requestId),
    hasBody: passage.hasBody,
    chunked: passage.chunked,
    expects: passage.expects && !passage.continued,
    upgrade: false,
    // What only its body could say, or what is too large to be kept, counts as unsafe here: it will not travel on a
    // connection that may be closing.
    idempotent: route.idempotent === true && (passage.kept.whole || !passage.hasBody),
    deadlineAtMs: passage.deadlineAtMs,
  };
  try {
    attempt.exchange = passage.upstreams.open(choice.target, request, sinkOf(attempt, judge), choice);
  } catch (cause) {
    // A target that cannot even be dialled (its URL, its certificate authority) is refused like a closed port.
    const detail = cause instanceof Error ? cause.message : String(cause);
    queueMicrotask(() => {
      if (attempt.mode !== "over")
        judge.onFault(attempt, { kind: "refused", sent: false, stale: false, detail });
    });
    return;
  }
  let free = true;
  for (const chunk of passage.kept.chunks) free = attempt.exchange.write(chunk);
  if (passage.uploaded) endUpload(attempt);
  else if (free) req.resume();
  else blockUpload(attempt);
}

/** Passes on a piece of the request body. */
export function uploadChunk(attempt: Attempt, chunk: Buffer): void {
  if (attempt.exchange?.write(chunk) === false) blockUpload(attempt);
}

/** All of the body has been passed on: from here on only the target is waited for. */
export function endUpload(attempt: Attempt): void {
  const nowMs = attempt.passage.core.deps.clock.monotonicMs();
  attempt.waitingSinceMs ??= nowMs;
  if (attempt.stream) attempt.stream.movedAtMs = nowMs;
  attempt.exchange?.end(attempt.passage.req.rawTrailers);
}

function blockUpload(attempt: Attempt): void {
  attempt.waitingSinceMs ??= attempt.passage.core.deps.clock.monotonicMs();
  attempt.passage.req.pause();
}

function sinkOf(attempt: Attempt, judge: AttemptJudge): ExchangeSink {
  const { passage, own } = attempt;
  const { core } = passage;
  const { counters } = core;
  const isWork = own && passage.isWork;
  return {
    onInformation: (head) => inform(passage, head),
    onHead(head: AnswerHead) {
      attempt.head = head;
      const nowMs = core.deps.clock.monotonicMs();
      if (own) counters.ownProgressMs = nowMs;
      const { target, launchedMs } = attempt;
      const ms = nowMs - launchedMs;
      observe(core, {
        kind: "first-byte",
        target: target.id,
        own,
        model: modelOf(passage),
        status: head.status,
        ms,
      });
      judge.onHead(attempt);
    },
    onData(chunk) {
      const nowMs = core.deps.clock.monotonicMs();
      if (attempt.mode === "delivering") writeAnswer(attempt, chunk);
      else if (attempt.mode === "held") hold(attempt, chunk);
      const showsWork = attempt.stream ? readPiece(attempt.stream, chunk, nowMs) : true;
      if (own) {
        counters.ownAnswerBytes += chunk.length;
        if (isWork && showsWork) counters.ownWork += 1;
        if (showsWork) counters.ownProgressMs = nowMs;
      }
      observe(core, { kind: "bytes", target: attempt.target.id, own, bytes: chunk.length });
    },
    onEnd(trailers, status) {
      attempt.complete = true;
      attempt.trailers = trailers;
      if (attempt.head && status !== undefined) attempt.head.status = status;
      clearTimeout(attempt.releaseTimer);
      if (own) {
        counters.ownAnswers += 1;
        if (isWork) counters.ownWork += 1;
        counters.ownProgressMs = core.deps.clock.monotonicMs();
      }
      if (attempt.mode === "held") return judge.onWhole(attempt);
      if (attempt.mode !== "delivering") return;
      const defect = attempt.stream && endStream(attempt.stream);
      tellOutcome(attempt, (attempt.head?.status ?? 0) < 500 ? "ok" : "status5xx");
      // Where only the end of the connection tells the end, a server that died looks like one that is done.
      if (defect && isToldByClose(attempt)) cutOff(passage);
      else endAnswer(attempt);
    },
    onTurn() {
      if (attempt.mode === "delivering") flushAnswer(passage);
    },
    onDrain() {
      if (attempt !== passage.current || passage.uploaded) return;
      attempt.waitingSinceMs = undefined;
      passage.req.resume();
    },
    onUpgrade() {},
    onFault(fault) {
      if (attempt.mode === "over") return;
      attempt.broken = true;
      passage.resetCode = fault.resetCode;
      if (attempt.mode !== "delivering") return judge.onFault(attempt, fault);
      tellOutcome(attempt, "truncated", { counts: true, detail: fault.detail });
      cutOff(passage);
    },
  };
}

/** An answer of HTTP/1 without length and chunks. */
function isToldByClose({ passage, head }: Attempt): boolean {
  return passage.upstreams === passage.core.upstreams && !head?.chunked && head?.contentLength === undefined;
}

/** What exceeds the limit stays in the server's hands: the connection is not read on until the answer is let through. */
function hold(attempt: Attempt, chunk: Buffer): void {
  attempt.chunks.push(chunk);
  attempt.heldBytes += chunk.length;
  if (attempt.heldBytes <= attempt.passage.core.limits.answerHeldBytes) return;
  if (attempt.release) attempt.release();
  else attempt.exchange?.pause();
}
