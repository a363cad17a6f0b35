import type { WireDefect } from "@locum/serving";
import type { Attempt } from "./passage.ts";
import { askedOf } from "./repeatable.ts";

/**
 * Small answers to inference are looked at before the client sees any of them: those of a told small length, and those
 * of no told length while they are short and come at once, which is how many servers send plain JSON.
 */
export function isLookedAt({ passage, head }: Attempt): boolean {
  const { core, route, req } = passage;
  if (!head || route.kind !== "infer" || req.method === "HEAD" || !isSuccess(head.status)) return false;
  const length = head.contentLength;
  if (length !== undefined) return length > 0 && length <= core.limits.answerHeldBytes;
  return head.status !== 204 && comesWhole.test(headerOf(head.rawHeaders, "content-type"));
}

/** `onLong`: more has come, or it takes longer, than may be held back. */
export function holdAnswer(attempt: Attempt, onLong: () => void): void {
  attempt.mode = "held";
  if (attempt.head?.contentLength !== undefined) return;
  attempt.release = onLong;
  attempt.releaseTimer = setTimeout(onLong, attempt.passage.core.limits.answerHeldMs);
}

/** Asks whether a complete held answer may be given to a client. A wire that throws has seen nothing wrong. */
export function inspectHeld(attempt: Attempt): WireDefect | undefined {
  const { core, route } = attempt.passage;
  if (route.kind !== "infer") return undefined;
  const [only] = attempt.chunks;
  const body = attempt.chunks.length === 1 && only ? only : Buffer.concat(attempt.chunks);
  attempt.chunks = [body];
  try {
    return route.wire.defect(
      lowerCaseHeaders(attempt.head?.rawHeaders ?? []),
      body,
      askedOf(attempt.passage),
    );
  } catch {
    core.counters.depFaults += 1;
    return undefined;
  }
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

export function lowerCaseHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    const value = raw[i + 1] ?? "";
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}

function headerOf(raw: readonly string[], wanted: string): string {
  for (let i = 0; i < raw.length; i += 2)
    if ((raw[i] ?? "").toLowerCase() === wanted) return raw[i + 1] ?? "";
  return "";
}

// Whatever else comes without a length (events, lines, plain text) may be meant to be read piece by piece.
const comesWhole =
  /^application\/(?:json|octet-stream|grpc(?:\+[\w.-]+)?|(?!stream\+)[\w.-]+\+json)\s*(?:;|$)/i;
