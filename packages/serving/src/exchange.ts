import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as requestPlain,
} from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { plainBody } from "./plain-body.ts";
import { serverBase } from "./server-base.ts";

export type Headers = Record<string, string | string[] | undefined>;

export type Question = {
  method: "GET" | "POST";
  /** Below the server's base path, or a whole URL of the same server (its metrics port). */
  path: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  answerBytesMax?: number;
};

export type Exchanged =
  | { kind: "answer"; status: number; headers: Headers; body: Buffer; latencyMs: number }
  | { kind: "failed"; detail: FailedDetail; reason: string; latencyMs: number };
export type FailedDetail = "refused" | "timeout" | "reset" | "protocol";
export type Ask = (question: Question) => Promise<Exchanged>;

export type ExchangeOptions = {
  url: string;
  headers?: Record<string, string>;
  /** PEM of the authority that signed the server's certificate. */
  ca?: string | Uint8Array;
  answerBytesMax?: number;
  now?: () => number;
};

export const answerBytesMaxDefault = 64 * 1024 * 1024;

/** Questions over HTTP with connections of their own, bounded in time and bytes. `ask` never throws. */
export function openExchange({
  url,
  headers = {},
  ca,
  answerBytesMax = answerBytesMaxDefault,
  now = () => performance.now(),
}: ExchangeOptions): { base: string; ask: Ask; close(): void } {
  const { base, authorization } = serverBase(url);
  const secure = base.startsWith("https:");
  const limits = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8 };
  const agent = secure
    ? new TlsAgent({ ...limits, ...(ca ? { ca: asPem(ca) } : {}) })
    : new PlainAgent(limits);
  const own = { ...(authorization ? { authorization } : {}), ...lowerCased(headers) };

  async function ask(question: Question): Promise<Exchanged> {
    const startedMs = now();
    const target = /^https?:/.test(question.path) ? question.path : base + question.path;
    const deadline = { atMs: startedMs + question.timeoutMs, now };
    const bytesMax = question.answerBytesMax ?? answerBytesMax;
    const whole = { ...question, headers: { ...own, ...question.headers } };
    const overTls = target.startsWith("https:");
    const send = { target, agent: overTls === secure ? agent : undefined, bytesMax, deadline };
    let outcome = await exchangeOnce(whole, send);
    // The server may close a kept-alive connection at the moment that we write to it. That says nothing of its
    // health, and nothing was executed: no answer byte came. A new connection says what is really there.
    if (outcome.kind === "stale") outcome = await exchangeOnce(whole, { ...send, agent: undefined });
    const latencyMs = now() - startedMs;
    if (outcome.kind === "stale")
      return { kind: "failed", detail: "reset", reason: "connection reset", latencyMs };
    if (outcome.kind === "failed") return { ...outcome, latencyMs };
    const plain = await plainBody(outcome.headers, outcome.body, bytesMax);
    if ("reason" in plain) return { kind: "failed", detail: "protocol", reason: plain.reason, latencyMs };
    return { ...outcome, body: plain.body, latencyMs };
  }

  return { base, ask, close: () => agent.destroy() };
}

type Once =
  | { kind: "answer"; status: number; headers: Headers; body: Buffer }
  | { kind: "failed"; detail: FailedDetail; reason: string }
  | { kind: "stale" };
type Sending = {
  target: string;
  agent: PlainAgent | undefined;
  bytesMax: number;
  deadline: { atMs: number; now: () => number };
};

function exchangeOnce(question: Question, { target, agent, bytesMax, deadline }: Sending): Promise<Once> {
  return new Promise((resolve) => {
    let request: ClientRequest;
    let answered = false;
    let settled = false;
    const settle = (outcome: Once) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      question.signal?.removeEventListener("abort", abort);
      resolve(outcome);
      if (outcome.kind !== "answer") request?.destroy();
    };
    const failed = (detail: FailedDetail, reason: string) => settle({ kind: "failed", detail, reason });
    const abort = () => failed("timeout", "aborted");
    // After a stall of our own process, timers fire before the answers that wait in the sockets are read: the time
    // that the timer is late is given back once, so that our stall is not taken for the server's.
    const expire = () => failed("timeout", `no answer within ${question.timeoutMs} ms`);
    const remainingMs = Math.max(1, deadline.atMs - deadline.now());
    let timer = setTimeout(() => {
      const lateMs = deadline.now() - deadline.atMs;
      if (lateMs < 50) return expire();
      timer = setTimeout(expire, Math.min(lateMs, question.timeoutMs));
    }, remainingMs);
    if (question.signal?.aborted) return abort();
    question.signal?.addEventListener("abort", abort, { once: true });

    const body = question.body;
    const headers = { ...question.headers, ...(body ? { "content-length": String(body.byteLength) } : {}) };
    try {
      const send = target.startsWith("https:") ? requestTls : requestPlain;
      request = send(target, { method: question.method, headers, agent: agent ?? false });
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
  const chunks: Buffer[] = [];
  let bytes = 0;
  const fail = (detail: FailedDetail, reason: string) => {
    response.destroy();
    settle({ kind: "failed", detail, reason });
  };
  const tooLarge = `answer over ${bytesMax} bytes`;
  if (Number(response.headers["content-length"] ?? 0) > bytesMax) {
    fail("protocol", tooLarge);
    return;
  }
  response.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) return fail("protocol", tooLarge);
    chunks.push(chunk);
  });
  response.on("error", () => fail("reset", "connection closed in the middle of the answer"));
  response.on("end", () => {
    if (!response.complete) return fail("reset", "connection closed in the middle of the answer");
    const body = Buffer.concat(chunks, bytes);
    settle({ kind: "answer", status: response.statusCode ?? 0, headers: response.headers, body });
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

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function asPem(ca: string | Uint8Array): string {
  return typeof ca === "string" ? ca : Buffer.from(ca).toString("latin1");
}
