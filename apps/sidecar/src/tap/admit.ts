import type { IncomingMessage, ServerResponse } from "node:http";
import { afterChunk, atEnd, beforeChunk, beginKnown } from "./begin-known.ts";
import { closePassage } from "./close-passage.ts";
import { readOn } from "./deliver.ts";
import { endUpload, uploadChunk } from "./forward.ts";
import { http1Client, writeRefusal } from "./http1-client.ts";
import { keepChunk } from "./kept-body.ts";
import { createPassage, type Passage } from "./passage.ts";
import { lookAhead } from "./repeatable.ts";
import type { TapCore } from "./tap-core.ts";

/** Lets a request in, or answers it at once where the tap may not or cannot serve it. */
export function admit(
  core: TapCore,
  req: IncomingMessage,
  res: ServerResponse,
  { expects }: { expects: boolean },
): void {
  core.counters.started += 1;
  const reason = whyNot(core);
  if (reason) return turnAway(core, req, res, reason);
  core.budget.deposit(core.deps.clock.monotonicMs());
  const passage = createPassage(core, req, http1Client(core, req, res), { expects });
  core.passages.add(passage);
  req.on("data", (chunk: Buffer) => onUpload(passage, chunk));
  req.on("end", () => onUploadEnd(passage));
  // A client that goes away is noticed by the answer's close; without a listener the error would be uncaught.
  req.on("error", ignore);
  res.on("error", ignore);
  res.on("drain", () => passage.delivering && readOn(passage.delivering));
  res.on("close", () => {
    closePassage(passage, { whole: res.writableFinished });
    drainUpload(req);
  });
  beginKnown(passage);
}

/** Why no request may come in now; undefined where it may. */
export function whyNot(core: TapCore): "fenced" | "overloaded" | undefined {
  if (core.deps.fenced()) return "fenced";
  return core.passages.size >= core.limits.maxInflight ? "overloaded" : undefined;
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

export function onUpload(passage: Passage, chunk: Buffer): void {
  const { core, kept } = passage;
  passage.requestBytes += chunk.length;
  passage.trace?.request(chunk);
  beforeChunk(passage, chunk);
  keepChunk(kept, core.kept, chunk, core.limits.bodyKeptBytes);
  if (passage.current) uploadChunk(passage.current, chunk);
  else afterChunk(passage);
}

export function onUploadEnd(passage: Passage): void {
  passage.uploaded = true;
  if (passage.current) endUpload(passage.current);
  else atEnd(passage);
  lookAhead(passage);
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
