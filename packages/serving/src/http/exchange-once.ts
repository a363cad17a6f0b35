import { type Agent, type ClientRequest, type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { expireAt } from "../expire-at.ts";
import { append, type GrowingBytes } from "../growing-bytes.ts";
import type { FailedDetail, Headers, Question } from "./exchange.ts";

export type Once =
  | { kind: "answer"; status: number; headers: Headers; body: Buffer }
  | { kind: "failed"; detail: FailedDetail; reason: string }
  | { kind: "stale" };
type Sending = {
  target: string;
  ca: string | undefined;
  agent: Agent | undefined;
  bytesMax: number;
  deadline: { atMs: number; now: () => number };
};

/** One question on one connection. `stale`: a kept connection was reset before the first answer byte. */
export function exchangeOnce(
  question: Question,
  { target, ca, agent, bytesMax, deadline }: Sending,
): Promise<Once> {
  return new Promise((resolve) => {
    let request: ClientRequest;
    let answered = false;
    let settled = false;
    const settle = (outcome: Once) => {
      if (settled) return;
      settled = true;
      stopTimer();
      question.signal?.removeEventListener("abort", abort);
      resolve(outcome);
      if (outcome.kind !== "answer") request?.destroy();
    };
    const failed = (detail: FailedDetail, reason: string) => settle({ kind: "failed", detail, reason });
    const abort = () => failed("timeout", "aborted");
    const expire = () => failed("timeout", `no answer within ${Math.round(question.timeoutMs)} ms`);
    const stopTimer = expireAt({ ...deadline, timeoutMs: question.timeoutMs }, expire);
    if (question.signal?.aborted) return abort();
    question.signal?.addEventListener("abort", abort, { once: true });

    const body = question.body;
    const headers = { ...question.headers, ...(body ? { "content-length": String(body.byteLength) } : {}) };
    try {
      const send = target.startsWith("https:") ? requestTls : requestPlain;
      request = send(target, {
        method: question.method,
        headers,
        agent: agent ?? false,
        ...(ca ? { ca } : {}),
      });
    } catch (error) {
      return failed("protocol", messageOf(error));
    }
    request.on("response", (response) => {
      answered = true;
      collect(response, bytesMax, settle);
    });
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      failed("protocol", "the server switched protocols");
    });
    request.on("error", (error) => {
      const detail = detailOf(error);
      if (detail === "reset" && request.reusedSocket && !answered) settle({ kind: "stale" });
      else failed(detail, messageOf(error));
    });
    request.on("close", () => failed("reset", "connection closed before the answer was complete"));
    request.end(body);
  });
}

function collect(response: IncomingMessage, bytesMax: number, settle: (outcome: Once) => void): void {
  const announced = Number(response.headers["content-length"] ?? 0);
  const fail = (detail: FailedDetail, reason: string) => {
    response.destroy();
    settle({ kind: "failed", detail, reason });
  };
  const tooLarge = `answer over ${bytesMax} bytes`;
  if (announced > bytesMax) {
    fail("protocol", tooLarge);
    return;
  }
  // Room that nothing is written to costs no memory.
  const body: GrowingBytes = { buffer: Buffer.allocUnsafe(announced), length: 0 };
  response.on("data", (chunk: Buffer) => {
    if (body.length + chunk.length > bytesMax) return fail("protocol", tooLarge);
    append(body, chunk, bytesMax);
  });
  response.on("error", () => fail("reset", "connection closed in the middle of the answer"));
  response.on("end", () => {
    if (!response.complete) return fail("reset", "connection closed in the middle of the answer");
    const { statusCode: status = 0, headers } = response;
    settle({ kind: "answer", status, headers, body: body.buffer.subarray(0, body.length) });
  });
}

const refusals = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EADDRNOTAVAIL",
]);
const resets = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

function detailOf(error: Error): FailedDetail {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const code =
    (error as NodeJS.ErrnoException).code ?? (first as NodeJS.ErrnoException | undefined)?.code ?? "";
  if (refusals.has(code)) return "refused";
  if (resets.has(code)) return "reset";
  if (code === "ETIMEDOUT") return "timeout";
  return "protocol";
}

function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (message || code || String(error)).slice(0, 200);
}
