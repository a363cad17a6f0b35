import type { Client, Metadata } from "@grpc/grpc-js";
import { expireAt } from "../expire-at.ts";
import type { FailedDetail } from "../http/exchange.ts";
import type { CallOptions } from "../model-server.ts";
import { type GrpcFailure, readStatus } from "../oip-v2-grpc/status.ts";

export type GrpcQuestion = CallOptions & {
  /** `/package.Service/Call` */
  path: string;
  message: Uint8Array;
  /** Reads a stream to its end: all of its messages together stay within the answer's limit. */
  streams?: boolean;
};

const messagesMax = 20_000;

export type GrpcSending = {
  client: Client;
  /** The ends of the calls that run. */
  running: Set<() => void>;
  metadata: Metadata;
  bytesMax: number;
  atMs: number;
  now: () => number;
};
export type GrpcOutcome = { kind: "answer"; messages: Buffer[] } | GrpcFailure;

/** One call, its answer read to the end. Never throws. */
export function grpcCallOnce(
  question: GrpcQuestion,
  { client, running, metadata, bytesMax, atMs, now }: GrpcSending,
): Promise<GrpcOutcome> {
  return new Promise((resolve) => {
    const { path, timeoutMs, signal } = question;
    const failed = (detail: FailedDetail, reason: string) => settle({ kind: "failed", detail, reason });
    const abort = () => failed("timeout", "aborted");
    const end = () => failed("reset", "closed");
    running.add(end);
    const messages: Buffer[] = [];
    let bytes = 0;
    let isSettled = false;
    let call: ReturnType<typeof begin> | undefined;
    const stopTimer = expireAt({ atMs, now, timeoutMs }, () =>
      failed("timeout", `no answer within ${Math.round(timeoutMs)} ms`),
    );
    function settle(outcome: GrpcOutcome): void {
      if (isSettled) return;
      isSettled = true;
      stopTimer();
      running.delete(end);
      signal?.removeEventListener("abort", abort);
      resolve(outcome);
      if (outcome.kind === "failed") call?.cancel();
    }
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      call = begin(client, { path, metadata, timeoutMs });
    } catch (error) {
      return failed("protocol", String(error).slice(0, 200));
    }
    call.on("data", (message: Buffer) => {
      bytes += message.length;
      if (bytes > bytesMax || messages.length >= messagesMax)
        failed("protocol", `answer over ${bytesMax} bytes`);
      else if (!isSettled) messages.push(message);
      // A second message of a unary call breaks the protocol: its first one may be a piece of something else.
      if (!question.streams && messages.length > 1) failed("protocol", "more than one message");
    });
    call.on("error", () => undefined);
    call.on("status", (status: { code?: number; details?: string }) => {
      if (status.code !== 0) settle(readStatus(status));
      else if (!question.streams && messages.length === 0) failed("protocol", "no message");
      else settle({ kind: "answer", messages });
    });
    call.write(Buffer.from(question.message));
    call.end();
  });
}

/**
 * Unary calls are streams of one message on the wire; asked as such, the bytes of each message stay as they came.
 *
 * The library counts deadlines on the wall clock, and its timer fires though answers wait in the socket after a stall of
 * ours. Its deadline is a bound for the server, twice as late; ours cancels the call.
 */
function begin(
  client: Client,
  { path, metadata, timeoutMs }: { path: string; metadata: Metadata; timeoutMs: number },
) {
  const same = (bytes: Buffer) => bytes;
  const deadline = Date.now() + 2 * timeoutMs + 1000;
  return client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, metadata, { deadline });
}
