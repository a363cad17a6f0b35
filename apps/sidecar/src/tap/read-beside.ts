import type { WireDefect, WireStream } from "@locum/serving";
import { openStream } from "./answer-stream.ts";
import { isSuccess, lowerCaseHeaders } from "./held-answer.ts";
import { type Attempt, outcomeOf, tellOutcome } from "./passage.ts";
import { askedOf, lookIntoBody } from "./repeatable.ts";
import { observe } from "./tap-core.ts";

/**
 * Starts to read a streamed answer beside its way to the client, where its protocol can. What is found is told at once,
 * for a flood may go on for minutes; the client gets every byte all the same.
 */
export function readBeside(attempt: Attempt): void {
  const reader = readerOf(attempt);
  if (!reader) return;
  const { passage, own, target, waitingSinceMs, launchedMs } = attempt;
  const { core } = passage;
  attempt.stream = openStream(reader, waitingSinceMs ?? launchedMs, {
    onToken(first, ms) {
      if (!passage.uploaded) attempt.isDialogue = true;
      if (attempt.isDialogue) return;
      if (first) attempt.firstTokenMs = ms;
      const { requestBytes } = passage;
      observe(core, { kind: "token", target: target.id, own, first, ms, requestBytes });
    },
    onDefect: (defect) => tellDefect(attempt, defect),
    onBlind() {
      core.counters.depFaults += 1;
    },
  });
}

function tellDefect(attempt: Attempt, defect: WireDefect): void {
  // Rare enough for a look: the finding should name its model.
  lookIntoBody(attempt.passage);
  tellOutcome(attempt, outcomeOf(defect), { counts: true, detail: defect.detail });
}

function readerOf({ passage, head }: Attempt): WireStream | undefined {
  const { core, req, route } = passage;
  if (!head || route.kind !== "infer" || !route.wire.stream) return undefined;
  if (req.method === "HEAD" || !isSuccess(head.status) || head.status === 204) return undefined;
  const headers = lowerCaseHeaders(head.rawHeaders);
  // Compressed, its pieces are no text of the protocol, and a last word in plain would spoil them.
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity") return undefined;
  try {
    return route.wire.stream(headers, askedOf(passage));
  } catch {
    core.counters.depFaults += 1;
    return undefined;
  }
}
