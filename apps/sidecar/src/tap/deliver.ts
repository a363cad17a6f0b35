import type { ServerResponse } from "node:http";
import type { AnswerHead } from "./answer-head.ts";
import { cutStream } from "./answer-stream.ts";
import { connectionNames, isHopHeader } from "./hop-headers.ts";
import { releaseBody } from "./kept-body.ts";
import type { Attempt, Passage } from "./passage.ts";

/** Lets an answer through to the client: what has come of it at once, the rest as it comes. */
export function deliver(attempt: Attempt): void {
  const { passage, head } = attempt;
  if (!head) return;
  const { res, core, kept, route } = passage;
  passage.delivering = attempt;
  attempt.mode = "delivering";
  // From the first answer byte on nothing is sent again; only a look at the input may still want the body.
  const isWanted = core.deps.inspectRequest && route.kind === "infer";
  if (!isWanted || kept.bytes > core.limits.bodyInspectedBytes) releaseBody(kept, core.kept);
  res.sendDate = false;
  if (core.draining) res.shouldKeepAlive = false;
  res.writeHead(head.status, head.reason, answerHeaders(head, passage));
  const chunks = attempt.chunks;
  attempt.chunks = [];
  if (attempt.complete && attempt.trailers.length === 0 && chunks.length <= 1) {
    passage.ended = true;
    return void res.end(chunks[0]);
  }
  passage.flushed = chunks.length > 0;
  for (const chunk of chunks) res.write(chunk);
  if (attempt.complete) endAnswer(attempt);
  else if (attempt.broken) cutOff(passage);
  else attempt.exchange?.resume();
}

export function writeAnswer(attempt: Attempt, chunk: Buffer): void {
  attempt.passage.flushed = true;
  if (attempt.passage.res.write(chunk)) return;
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

export function endAnswer(attempt: Attempt): void {
  const { passage, trailers } = attempt;
  const { res } = passage;
  if (trailers.length > 0) res.addTrailers(pairs(trailers));
  passage.ended = true;
  res.end();
}

/** A head that came alone goes out at once: the first event of a stream may be long in coming. */
export function flushAnswer(passage: Passage): void {
  if (passage.flushed || passage.ended) return;
  passage.flushed = true;
  passage.res.flushHeaders();
}

/** Passes 1xx on, while no answer has begun. */
export function inform(passage: Passage, head: AnswerHead): void {
  const { req, res } = passage;
  if (res.headersSent || res.destroyed || req.httpVersionMinor === 0) return;
  if (head.status === 100) {
    if (passage.continued) return;
    passage.continued = true;
    return void res.writeContinue();
  }
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let i = 0; i < head.rawHeaders.length; i += 2) {
    text += `${head.rawHeaders[i]}: ${head.rawHeaders[i + 1]}\r\n`;
  }
  res.socket?.write(`${text}\r\n`, "latin1");
}

/** Ends a half-delivered answer so that no client can take it for a whole one: by its protocol's own error, and by a cut. */
export function cutOff(passage: Passage): void {
  const { res, delivering } = passage;
  flushAnswer(passage);
  passage.ended = true;
  const { socket } = res;
  if (!socket) return void res.destroy();
  const hasLength = delivering?.head?.contentLength !== undefined;
  const lastWord = hasLength || !delivering?.stream ? undefined : cutStream(delivering.stream);
  if (lastWord) res.write(lastWord);
  // Without a length and without chunks a normal close would mean "complete".
  if (!res.chunkedEncoding && !hasLength) {
    if (!lastWord) return void socket.resetAndDestroy();
    // A reset at once could overtake the last word.
    return void setTimeout(() => socket.resetAndDestroy(), lastWordMs).unref();
  }
  socket.destroySoon();
  const timer = setTimeout(() => socket.destroy(), cutOffMs);
  timer.unref();
}

/** An answer of our own, where no instance gave one. */
export function refuse(passage: Passage, status: 500 | 502 | 503 | 504, reason: string): void {
  const { core } = passage;
  passage.ended = true;
  core.counters.refusals += 1;
  releaseBody(passage.kept, core.kept);
  if (core.draining) passage.res.shouldKeepAlive = false;
  writeRefusal(passage.res, status, reason, core.deps.stamp());
}

export function writeRefusal(
  res: ServerResponse,
  status: number,
  reason: string,
  stamp: Record<string, string>,
): void {
  // The body has the shape of the v2 protocol's errors, which most clients of model servers print.
  const body = JSON.stringify({ error: `locum: no answer from the model (${reason})` });
  const headers = ["content-type", "application/json", "content-length", String(Buffer.byteLength(body))];
  headers.push("locum-reason", reason);
  if (status === 503) headers.push("retry-after", "1");
  for (const [name, value] of Object.entries(stamp)) headers.push(name, value);
  res.writeHead(status, headers);
  res.end(body);
}

function answerHeaders(head: AnswerHead, { req, core }: Passage): string[] {
  const declared = connectionNames(head.rawHeaders);
  const headers: string[] = [];
  for (let i = 0; i < head.rawHeaders.length; i += 2) {
    const name = head.rawHeaders[i] ?? "";
    if (isHopHeader(name, declared)) continue;
    // HTTP/1.0 knows no chunks: the body then ends with the connection.
    if (head.chunked && req.httpVersionMinor === 0 && name.toLowerCase() === "transfer-encoding") continue;
    headers.push(name, head.rawHeaders[i + 1] ?? "");
  }
  const stamp = core.deps.stamp();
  for (const name in stamp) headers.push(name, stamp[name] ?? "");
  return headers;
}

function pairs(raw: string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) result.push([raw[i] ?? "", raw[i + 1] ?? ""]);
  return result;
}

const cutOffMs = 5_000;
const lastWordMs = 100;
