import type { WireAsked } from "@locum/serving";
import { modelOf, type Passage } from "./passage.ts";

/** Whether executing the request twice does no harm. Its body is read only where the route leaves it to that. */
export function isRepeatable(passage: Passage): boolean {
  const { idempotent } = passage.route;
  return idempotent === "body" ? (lookIntoBody(passage)?.repeatable ?? false) : idempotent;
}

/**
 * What the body says of the request: once, where all of it has come, is kept, and can be read in a moment. `whole`:
 * false where the part that has come is known to be enough.
 */
export function lookIntoBody(passage: Passage, { whole = true } = {}): Passage["looked"] {
  const { core, req, route, kept, uploaded } = passage;
  if (passage.looked || route.kind !== "infer" || !route.wire.look) return passage.looked;
  if ((whole && !uploaded) || !kept.whole || kept.bytes > core.limits.bodyInspectedBytes) return undefined;
  const [only] = kept.chunks;
  const body = kept.chunks.length === 1 && only ? only : Buffer.concat(kept.chunks);
  try {
    passage.looked = route.wire.look(req.headers, body);
  } catch {
    core.counters.depFaults += 1;
    passage.looked = { model: undefined, repeatable: false };
  }
  return passage.looked;
}

/**
 * Looks while the target works, as long as that takes a small part of the time: then what is told of the answer can
 * name its model. Nothing waits for it.
 */
export function lookAhead(passage: Passage): void {
  const { core, route, kept } = passage;
  if (route.kind !== "infer" || route.model !== undefined || !route.wire.look) return;
  setImmediate(() => {
    const startedMs = core.deps.clock.monotonicMs();
    if (startedMs < core.nextLookMs || kept.bytes > lookAheadBytesMax) return;
    lookIntoBody(passage);
    core.nextLookMs = startedMs + (core.deps.clock.monotonicMs() - startedMs) / lookShareMax;
  });
}

/** For a wire that judges an answer: the model that was asked for, where the answer should bear its name. */
export function askedOf(passage: Passage): WireAsked | undefined {
  const model = modelOf(passage);
  return model !== undefined && passage.core.deps.isListed(model) ? { model } : undefined;
}

const lookShareMax = 0.02;
const lookAheadBytesMax = 64 * 1024;
