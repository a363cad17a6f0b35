import { type ClientHttp2Stream, constants } from "node:http2";
import type { AnswerHead } from "../answer-head.ts";
import type { Exchange, ExchangeFault, ExchangeSink } from "../exchange.ts";
import { httpStatusOf, isGrpc } from "./grpc.ts";
import { rawHeader, trailersObject } from "./h2-headers.ts";
import { resetStream } from "./reset-stream.ts";
import type { TargetSession } from "./target-sessions.ts";

type State = {
  readonly on: TargetSession;
  readonly stream: ClientHttp2Stream;
  readonly sink: ExchangeSink;
  readonly sentAtMs: number;
  /** Answers' frames that had come on this session by then. */
  readonly heardBefore: number;
  head: AnswerHead | undefined;
  grpc: boolean;
  trailers: string[] | undefined;
  over: boolean;
  fault: string;
};

/** One request and its answer on a stream. Whether the answer is whole is told by its trailers, or by a clean end. */
export function exchangeOn(
  on: TargetSession,
  stream: ClientHttp2Stream,
  sink: ExchangeSink,
  { nowMs, onClosed }: { nowMs: () => number; onClosed: () => void },
): Exchange {
  const state: State = {
    on,
    stream,
    sink,
    sentAtMs: nowMs(),
    heardBefore: on.frames,
    head: undefined,
    grpc: false,
    trailers: undefined,
    over: false,
    fault: "",
  };
  stream.on("headers", (_headers, _flags, raw) => {
    if (!state.over) sink.onInformation(headOf(raw as string[], { endsStream: false }).head);
  });
  stream.on("response", (_headers, flags, raw) => onResponse(state, flags, raw as string[]));
  stream.on("data", (chunk: Buffer) => {
    on.frames += 1;
    if (!state.over) sink.onData(chunk);
  });
  stream.on("trailers", (_trailers, _flags, raw) => {
    state.trailers = raw as string[];
  });
  stream.on("end", () => onEnd(state));
  stream.on("drain", () => void (state.over || sink.onDrain()));
  stream.on("error", (error: NodeJS.ErrnoException) => {
    state.fault = error.code ?? error.message;
  });
  stream.on("close", () => {
    onClosed();
    fail(state, nowMs());
  });
  return {
    write: (chunk) => (stream.destroyed || stream.closed ? true : stream.write(chunk)),
    end(rawTrailers) {
      if (stream.destroyed || stream.closed || stream.writableEnded) return;
      // Asked for where the client announced trailers.
      stream.once("wantTrailers", () => stream.sendTrailers(trailersObject(rawTrailers)));
      stream.end();
    },
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    abort(code = constants.NGHTTP2_CANCEL) {
      state.over = true;
      resetStream(stream, code);
    },
  };
}

function onResponse(state: State, flags: number, raw: string[]): void {
  state.on.frames += 1;
  if (state.over || state.head) return;
  const endsStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  const { head, grpc } = headOf(raw, { endsStream });
  state.head = head;
  state.grpc = grpc;
  state.sink.onHead(head);
  if (endsStream) finish(state, []);
}

function onEnd(state: State): void {
  const { stream, grpc, trailers, head } = state;
  // A reset ends the reading side too: what becomes of it is told when the stream closes.
  if (state.over || !head || stream.rstCode !== 0 || stream.aborted) return;
  if (trailers) finish(state, trailers, grpc ? httpStatusOf(rawHeader(trailers, "grpc-status")) : undefined);
  else if (!grpc) finish(state, []);
}

function finish(state: State, trailers: string[], status?: number): void {
  if (state.over) return;
  state.over = true;
  state.sink.onEnd(trailers, status);
  // The answer came before the end of the request: nobody reads the rest.
  if (!state.stream.writableEnded) resetStream(state.stream, constants.NGHTTP2_CANCEL);
}

function fail(state: State, nowMs: number): void {
  if (state.over) return;
  state.over = true;
  state.sink.onFault(faultOf(state, nowMs));
}

function faultOf({ on, stream, head, fault, sentAtMs, heardBefore }: State, nowMs: number): ExchangeFault {
  const { rstCode } = stream;
  const detail = on.fault || fault || `stream closed with ${rstCode}`;
  if (!on.established)
    return { kind: on.timedOut ? "timeout" : "refused", sent: false, stale: false, detail };
  const lives = !on.session.destroyed;
  const reset = lives && rstCode !== 0 ? { resetCode: rstCode } : {};
  if (head) return { kind: "truncated", sent: true, stale: false, detail, ...reset };
  // What answers in no HTTP/2 is no gRPC server: its port is as good as closed, and that is not a model's fault.
  if (!on.speaks) return { kind: "refused", sent: true, stale: false, detail: `no HTTP/2 there (${detail})` };
  if (rstCode === constants.NGHTTP2_REFUSED_STREAM || (stream.id ?? 0) > on.lastStreamId)
    return { kind: "reset", sent: false, stale: true, detail, ...reset };
  // The server had probably closed the idle connection before it saw the request.
  const stale = !lives && on.served > 0 && on.frames === heardBefore && nowMs - sentAtMs < staleWithinMs;
  return { kind: "reset", sent: true, stale, detail, ...reset };
}

/** `status` is what the answer means: where gRPC fails at once, its status stands in the head. */
function headOf(raw: string[], { endsStream }: { endsStream: boolean }): { head: AnswerHead; grpc: boolean } {
  const status = Number(rawHeader(raw, ":status"));
  const grpc = isGrpc(rawHeader(raw, "content-type"));
  const length = rawHeader(raw, "content-length");
  const head = {
    status: grpc && endsStream && status === 200 ? httpStatusOf(rawHeader(raw, "grpc-status")) : status,
    reason: "",
    rawHeaders: raw,
    contentLength: length === undefined ? undefined : Number(length),
    // Frames tell where the answer ends.
    chunked: true,
    keepAlive: true,
    idleHintMs: undefined,
    endsStream,
  };
  return { head, grpc };
}

const staleWithinMs = 1_000;
