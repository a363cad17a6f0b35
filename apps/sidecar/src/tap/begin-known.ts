import { begin } from "./failover.ts";
import { mayKeep } from "./kept-body.ts";
import type { Passage } from "./passage.ts";
import { lookIntoBody } from "./repeatable.ts";

/** A stream whose first message does not come, or whose end does not, goes without its model. */
const modelWaitMs = 500;
/** Flag and length in front of a gRPC message. */
const frameHeadBytes = 5;

/**
 * Begins at once, but where the model decides which instance is right and only the body names it: then the request
 * waits until its body says so, for a moment and within what may be kept and read of it.
 */
export function beginKnown(passage: Passage): void {
  if (!mustKnow(passage)) return begin(passage);
  passage.waiting = setTimeout(() => go(passage), modelWaitMs);
  passage.waiting.unref();
}

/** Called before a piece of the body is kept: what would not fit is not waited for. */
export function beforeChunk(passage: Passage, chunk: Buffer): void {
  const { core, kept } = passage;
  if (!passage.waiting) return;
  const limit = Math.min(core.limits.bodyKeptBytes, core.limits.bodyInspectedBytes);
  if (!mayKeep(kept, core.kept, chunk, limit)) go(passage);
}

/** Called when a piece has been kept. A client of a gRPC stream may wait for an answer to its first message. */
export function afterChunk(passage: Passage): void {
  if (passage.waiting && isFirstMessageWhole(passage) && lookIntoBody(passage, { whole: false })) go(passage);
}

/** All of the body has come. */
export function atEnd(passage: Passage): void {
  if (!passage.waiting) return;
  lookIntoBody(passage);
  go(passage);
}

function mustKnow({ core, route, kept, hasBody, expects }: Passage): boolean {
  if (route.kind !== "infer" || route.model !== undefined || !route.wire.look) return false;
  return hasBody && kept.whole && !expects && core.deps.needsModel();
}

function isFirstMessageWhole({ route, kept }: Passage): boolean {
  const [first] = kept.chunks;
  if (route.kind !== "infer" || route.wire.protocol !== "oip-v2-grpc" || !first) return false;
  return first.length >= frameHeadBytes && kept.bytes >= frameHeadBytes + first.readUInt32BE(1);
}

function go(passage: Passage): void {
  clearTimeout(passage.waiting);
  passage.waiting = undefined;
  if (!passage.ended && passage.core.passages.has(passage)) begin(passage);
}
