import type { Attempt } from "./passage.ts";
import type { AnswerDefect } from "./tap-deps.ts";

/** Asks whether a complete held answer may be given to a client. An inspector that throws has seen nothing wrong. */
export function inspectHeld(attempt: Attempt): AnswerDefect | undefined {
  const { core } = attempt.passage;
  const [only] = attempt.chunks;
  const body = attempt.chunks.length === 1 && only ? only : Buffer.concat(attempt.chunks);
  attempt.chunks = [body];
  try {
    return core.deps.inspectAnswer(lowerCaseHeaders(attempt.head?.rawHeaders ?? []), body);
  } catch {
    core.counters.depFaults += 1;
    return undefined;
  }
}

function lowerCaseHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] ?? "").toLowerCase();
    const value = raw[i + 1] ?? "";
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return headers;
}
