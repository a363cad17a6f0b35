import type { IncomingMessage, ServerResponse } from "node:http";
import { readOn, writeRefusal } from "./deliver.ts";
import { begin } from "./failover.ts";
import { endUpload, uploadChunk } from "./forward.ts";
import { keepChunk, releaseBody } from "./kept-body.ts";
import { createPassage, dropAttempt, modelOf, type Passage, tellOutcome } from "./passage.ts";
import { observe, type TapCore } from "./tap-core.ts";
import type { InferRoute } from "./tap-deps.ts";

/** Lets a request in, or answers it at once where the tap may not or cannot serve it. */
export function admit(
  core: TapCore,
  req: IncomingMessage,
  res: ServerResponse,
  { expects }: { expects: boolean },
): void {
  core.counters.started += 1;
  const reason = core.deps.fenced()
    ? "fenced"
    : core.passages.size >= core.limits.maxInflight
      ? "overloaded"
      : "";
  if (reason !== "") return turnAway(core, req, res, reason);
  core.budget.deposit(core.deps.clock.monotonicMs());
  const passage = createPassage(core, req, res, { expects });
  core.passages.add(passage);
  req.on("data", (chunk: Buffer) => onUpload(passage, chunk));
  req.on("end", () => onUploadEnd(passage));
  // A client that goes away is noticed by the answer's close; without a listener the error would be uncaught.
  req.on("error", ignore);
  res.on("error", ignore);
  res.on("drain", () => passage.delivering && readOn(passage.delivering));
  res.on("close", () => onClose(passage));
  begin(passage);
}

function turnAway(core: TapCore, req: IncomingMessage, res: ServerResponse, reason: string): void {
  core.counters.refusals += 1;
  core.counters.finished += 1;
  req.on("error", ignore);
  res.on("error", ignore);
  res.on("close", () => drainUpload(req));
  if (core.draining) res.shouldKeepAlive = false;
  writeRefusal(res, 503, reason, core.deps.stamp());
}

function onUpload(passage: Passage, chunk: Buffer): void {
  const { core, kept, current } = passage;
  passage.requestBytes += chunk.length;
  keepChunk(kept, core.kept, chunk, core.limits.bodyKeptBytes);
  if (current) uploadChunk(current, chunk);
}

function onUploadEnd(passage: Passage): void {
  passage.uploaded = true;
  if (passage.current) endUpload(passage.current);
}

function onClose(passage: Passage): void {
  const { core, req, res, current, first, delivering, route, kept } = passage;
  if (!core.passages.delete(passage)) return;
  const whole = res.writableFinished;
  for (const attempt of [current, first]) {
    if (!attempt) continue;
    if (!whole && !passage.ended) tellOutcome(attempt, "client-gone");
    if (!attempt.complete || attempt.mode !== "delivering") dropAttempt(attempt);
  }
  core.counters.finished += 1;
  observe(core, {
    kind: "finished",
    model: modelOf(passage),
    status: delivering?.head?.status ?? (res.headersSent ? res.statusCode : 0),
    resent: passage.resends > 0,
    whole: whole && !(delivering?.broken ?? false),
    ms: core.deps.clock.monotonicMs() - passage.startedMs,
  });
  const { inspectRequest } = core.deps;
  if (inspectRequest && route.kind === "infer" && passage.uploaded && kept.whole) lookAtInput(passage, route);
  releaseBody(kept, core.kept);
  drainUpload(req);
}

/** After the answer, and after what else is due: the look costs this client nothing. */
function lookAtInput({ core, kept, req }: Passage, route: InferRoute): void {
  if (kept.bytes > core.limits.bodyInspectedBytes) return;
  const { chunks } = kept;
  const { headers } = req;
  setImmediate(() => {
    try {
      core.deps.inspectRequest?.(route, headers, Buffer.concat(chunks));
    } catch {
      core.counters.depFaults += 1;
    }
  });
}

/**
 * Reads on for a moment when the answer came before the end of the upload: closing at once would reset the
 * connection and could take the answer with it. Not for long, for ten gigabytes may be on their way.
 */
function drainUpload(req: IncomingMessage): void {
  if (req.complete || req.socket.destroyed) return;
  req.resume();
  const timer = setTimeout(() => req.complete || req.socket.destroy(), lingerMs);
  timer.unref();
}

const ignore = () => {};
const lingerMs = 2_000;
