import { Agent as PlainAgent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { exchangeOnce } from "./exchange-once.ts";
import { plainBody } from "./plain-body.ts";
import { serverBase } from "./server-base.ts";

export type Headers = Record<string, string | string[] | undefined>;

export type Question = {
  method: "GET" | "POST" | "PUT" | "DELETE";
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

/** Twice this, unfolded and decoded, still fits into what a sidecar is given (192 MB with all that it is). */
export const answerBytesMaxDefault = 24 * 1024 * 1024;

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
  const agent = secure ? new TlsAgent(limits) : new PlainAgent(limits);
  const pem = ca === undefined ? undefined : asPem(ca);
  const own = { ...(authorization ? { authorization } : {}), ...lowerCased(headers) };

  async function ask(question: Question): Promise<Exchanged> {
    const startedMs = now();
    const target = /^https?:/.test(question.path) ? question.path : base + question.path;
    const deadline = { atMs: startedMs + question.timeoutMs, now };
    const bytesMax = question.answerBytesMax ?? answerBytesMax;
    // Credentials stay with the host that they are for.
    const ours = new URL(target).hostname === new URL(base).hostname ? own : {};
    const whole = { ...question, headers: { ...ours, ...question.headers } };
    const send = {
      target,
      ca: pem,
      agent: target.startsWith("https:") === secure ? agent : undefined,
      bytesMax,
      deadline,
    };
    let outcome = await exchangeOnce(whole, send);
    // The server may close a kept-alive connection at the moment that we write to it. That says nothing of its
    // health, and everything that is asked here may be asked twice. A new connection says what is really there.
    if (outcome.kind === "stale") outcome = await exchangeOnce(whole, { ...send, agent: undefined });
    const latencyMs = now() - startedMs;
    if (outcome.kind === "stale") outcome = { kind: "failed", detail: "reset", reason: "connection reset" };
    if (outcome.kind === "failed") return { ...outcome, latencyMs };
    const plain = await plainBody(outcome.headers, outcome.body, bytesMax);
    if ("reason" in plain) return { kind: "failed", detail: "protocol", reason: plain.reason, latencyMs };
    return { ...outcome, body: plain.body, latencyMs };
  }

  return { base, ask, close: () => agent.destroy() };
}

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function asPem(ca: string | Uint8Array): string {
  return typeof ca === "string" ? ca : Buffer.from(ca).toString("latin1");
}
