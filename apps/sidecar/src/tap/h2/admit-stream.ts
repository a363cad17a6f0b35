import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { onUpload, onUploadEnd, whyNot } from "../admit.ts";
import { beginKnown } from "../begin-known.ts";
import type { ClientRequest } from "../client-side.ts";
import { closePassage } from "../close-passage.ts";
import { readOn } from "../deliver.ts";
import { createPassage, dropAttempt, type Passage, tellOutcome } from "../passage.ts";
import type { TapCore } from "../tap-core.ts";
import type { RequestRoute } from "../tap-deps.ts";
import type { Upstreams } from "../upstreams.ts";
import { isGrpc, isQuestion, readTimeoutMs } from "./grpc.ts";
import { type H2Client, h2Client } from "./h2-client.ts";
import { resetStream } from "./reset-stream.ts";

export type StreamHead = { headers: IncomingHttpHeaders; rawHeaders: string[]; endsStream: boolean };

/** Lets the request of one stream in, or answers it at once where the tap may not or cannot serve it. */
export function admitStream(
  core: TapCore,
  upstreams: Upstreams,
  stream: ServerHttp2Stream,
  { headers, rawHeaders, endsStream }: StreamHead,
): void {
  stream.on("error", ignore);
  // Opened and reset in one breath: the model server must not see what nobody waits for.
  if (stream.closed || stream.destroyed) return;
  // A tunnel has no path: there is nothing that a model server could serve.
  if (headers[":path"] === undefined) return resetStream(stream, constants.NGHTTP2_REFUSED_STREAM);
  core.counters.started += 1;
  const grpc = isGrpc(headers["content-type"]);
  const client = h2Client(core, stream, { grpc });
  const reason = whyNot(core);
  if (reason) return turnAway(core, stream, client, reason);
  core.budget.deposit(core.deps.clock.monotonicMs());
  const passage = passageOf(core, client, { headers, rawHeaders, endsStream, upstreams, stream, grpc });
  core.passages.add(passage);
  stream.on("data", (chunk: Buffer) => onUpload(passage, chunk));
  stream.on("trailers", (_trailers, _flags, raw) => passage.req.rawTrailers.push(...(raw as string[])));
  // A reset ends the reading side too, and is not the end of a request.
  stream.on("end", () => void (stream.rstCode === 0 && !stream.aborted && onUploadEnd(passage)));
  stream.on("drain", () => passage.delivering && readOn(passage.delivering));
  const timer = expiry(passage, client);
  stream.on("close", () => {
    clearTimeout(timer);
    onClose(passage, stream);
  });
  beginKnown(passage);
}

function passageOf(
  core: TapCore,
  client: H2Client,
  given: StreamHead & { upstreams: Upstreams; stream: ServerHttp2Stream; grpc: boolean },
): Passage {
  const { headers, rawHeaders, endsStream, upstreams, stream, grpc } = given;
  const path = headers[":path"] ?? "/";
  const method = headers[":method"] ?? "";
  const req: ClientRequest = {
    method,
    url: path,
    headers,
    rawHeaders,
    rawTrailers: [],
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  };
  const timeoutMs = grpc ? readTimeoutMs(headers["grpc-timeout"] as string | undefined) : undefined;
  const asks = grpc && isQuestion(path);
  const found = core.deps.classify(method, path, headers);
  const route: RequestRoute = asks && found.kind === "other" ? { kind: "other", idempotent: true } : found;
  return createPassage(core, req, client, {
    upstreams,
    hasBody: !endsStream,
    route,
    ...(asks ? { isWork: false } : {}),
    deadlineAtMs: timeoutMs === undefined ? undefined : core.deps.clock.monotonicMs() + timeoutMs,
  });
}

function turnAway(core: TapCore, stream: ServerHttp2Stream, client: H2Client, reason: string): void {
  core.counters.refusals += 1;
  core.counters.finished += 1;
  stream.resume();
  client.refuse(503, reason, { resetCode: undefined });
}

/** The client has given up by now; its server is told, and so is it. That says nothing of the instance. */
function expiry(passage: Passage, client: H2Client): NodeJS.Timeout | undefined {
  const { core, deadlineAtMs } = passage;
  if (deadlineAtMs === undefined) return undefined;
  const leftMs = Math.max(0, deadlineAtMs - core.deps.clock.monotonicMs());
  return setTimeout(
    () => {
      if (passage.ended) return;
      passage.ended = true;
      dropAll(passage, constants.NGHTTP2_CANCEL);
      client.expire();
    },
    Math.min(leftMs, timerMaxMs),
  );
}

function onClose(passage: Passage, stream: ServerHttp2Stream): void {
  const { rstCode } = stream;
  if (!passage.ended) dropAll(passage, rstCode === 0 ? constants.NGHTTP2_CANCEL : rstCode);
  closePassage(passage, { whole: passage.ended && rstCode === 0 });
}

function dropAll({ current, first }: Passage, code: number): void {
  for (const attempt of [current, first]) {
    if (!attempt) continue;
    tellOutcome(attempt, "client-gone");
    attempt.exchange?.abort(code);
    dropAttempt(attempt);
  }
}

const ignore = () => {};
// Of Node's timers.
const timerMaxMs = 2_147_483_647;
