import type { AnswerHead } from "./answer-head.ts";
import { cutStream } from "./answer-stream.ts";
import type { RefusalStatus } from "./client-side.ts";
import { releaseBody } from "./kept-body.ts";
import type { Attempt, Passage } from "./passage.ts";
import { withRequestId } from "./request-id.ts";

/** Lets an answer through to the client: what has come of it at once, the rest as it comes. */
export function deliver(attempt: Attempt): void {
  const { passage, head } = attempt;
  if (!head) return;
  const { client, core, kept, route } = passage;
  passage.delivering = attempt;
  attempt.mode = "delivering";
  // From the first answer byte on nothing is sent again; only a look at the input may still want the body.
  const isWanted = core.deps.inspectRequest && route.kind === "infer";
  if (!isWanted || kept.bytes > core.limits.bodyInspectedBytes) releaseBody(kept, core.kept);
  client.head(identified(passage, head));
  const chunks = attempt.chunks;
  attempt.chunks = [];
  for (const chunk of chunks) passage.trace?.answer(chunk);
  if (attempt.complete && chunks.length <= 1) {
    passage.ended = true;
    return client.end(chunks[0], attempt.trailers);
  }
  passage.flushed = chunks.length > 0;
  for (const chunk of chunks) client.write(chunk);
  if (attempt.complete) endAnswer(attempt);
  else if (attempt.broken) cutOff(passage);
  else attempt.exchange?.resume();
}

function identified({ requestId }: Passage, head: AnswerHead): AnswerHead {
  return requestId === undefined ? head : { ...head, rawHeaders: withRequestId(head.rawHeaders, requestId) };
}

export function writeAnswer(attempt: Attempt, chunk: Buffer): void {
  attempt.passage.trace?.answer(chunk);
  attempt.passage.flushed = true;
  if (attempt.passage.client.write(chunk)) return;
  attempt.clientIsSlow = true;
  attempt.exchange?.pause();
}

/** The client has taken what was written. */
export function readOn(attempt: Attempt): void {
  // While it had not, the target could send nothing: its pause begins now.
  if (attempt.clientIsSlow && attempt.stream)
    attempt.stream.movedAtMs = attempt.passage.core.deps.clock.monotonicMs();
  attempt.clientIsSlow = false;
  attempt.exchange?.resume();
}

export function endAnswer({ passage, trailers }: Attempt): void {
  passage.ended = true;
  passage.client.end(undefined, trailers);
}

/** The first event of a stream may be long in coming: its head does not wait for it. */
export function flushAnswer(passage: Passage): void {
  if (passage.flushed || passage.ended) return;
  passage.flushed = true;
  passage.client.flush();
}

/** Passes 1xx on, while no answer has begun. */
export function inform(passage: Passage, head: AnswerHead): void {
  if (head.status === 100) {
    if (passage.continued) return;
    passage.continued = true;
  }
  passage.client.inform(head);
}

/** Ends a half-delivered answer so that no client can take it for a whole one: by its protocol's own error, and by a cut. */
export function cutOff(passage: Passage): void {
  const { client, delivering } = passage;
  flushAnswer(passage);
  passage.ended = true;
  client.cut(delivering?.stream && cutStream(delivering.stream), passage);
}

/** An answer of our own, where no instance gave one. */
export function refuse(passage: Passage, status: RefusalStatus, reason: string): void {
  const { core, client } = passage;
  passage.ended = true;
  core.counters.refusals += 1;
  releaseBody(passage.kept, core.kept);
  client.refuse(status, reason, passage);
}
