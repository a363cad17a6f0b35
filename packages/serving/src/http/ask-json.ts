import { Fault } from "@locum/contracts";
import { isObject } from "../json/is-object.ts";
import { readJson } from "../json/read-json.ts";
import type { CallOptions } from "../model-server.ts";
import type { Ask, Exchanged, Headers, Question } from "./exchange.ts";

export type JsonQuestion = CallOptions & { path: string; post?: unknown; answerBytesMax?: number };

/** Asks and reads an answer of 2xx as JSON. Throws a Fault for everything else. */
export async function askJson(ask: Ask, question: JsonQuestion): Promise<unknown> {
  const { body } = accepted(
    await ask(questionOf(question)),
    `${question.post === undefined ? "GET" : "POST"} ${question.path}`,
  );
  return readJson(body, "upstream-protocol");
}

export function questionOf({ path, post, timeoutMs, signal, answerBytesMax }: JsonQuestion): Question {
  const bounds = { timeoutMs, signal, ...(answerBytesMax === undefined ? {} : { answerBytesMax }) };
  if (post === undefined) return { method: "GET", path, ...bounds };
  // KServe and MLServer take a JSON body only with this content type, and MLServer wants a body on every POST.
  const headers = { "content-type": "application/json" };
  return { method: "POST", path, headers, body: Buffer.from(JSON.stringify(post)), ...bounds };
}

/** The answer, if there is one and its status is 2xx. Throws a Fault else. */
export function accepted(
  outcome: Exchanged,
  what: string,
): { status: number; headers: Headers; body: Buffer; latencyMs: number } {
  if (outcome.kind === "failed") throw new Fault(faultOf[outcome.detail], `${what}: ${outcome.reason}`);
  if (outcome.status >= 200 && outcome.status < 300) return outcome;
  if (outcome.status < 400) throw new Fault("upstream-protocol", `${what}: status ${outcome.status}`);
  throw new Fault("upstream-refused", `${what}: status ${outcome.status} ${errorText(outcome.body)}`.trim(), {
    cause: { status: outcome.status },
  });
}

/** What a server says of its error, on one line: the protocol's `error`, FastAPI's `detail`, or the start of the body. */
export function errorText(body: Buffer): string {
  const start = body.subarray(0, 65_536);
  try {
    const document = readJson(start, "upstream-protocol");
    const said = isObject(document) ? (document.error ?? document.detail ?? document.message) : undefined;
    if (said !== undefined) return oneLine(typeof said === "string" ? said : JSON.stringify(said));
  } catch {
    // Not JSON: the text itself is all there is.
  }
  return oneLine(start.toString("latin1"));
}

const faultOf = {
  refused: "upstream-unreachable",
  timeout: "upstream-timeout",
  reset: "upstream-unreachable",
  protocol: "upstream-protocol",
} as const;

function oneLine(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, 200);
}
