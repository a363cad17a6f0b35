import type { Passage } from "./passage.ts";

/** Whether executing the request twice does no harm. Its body is read only where the route leaves it to that. */
export function isRepeatable(passage: Passage): boolean {
  const { idempotent } = passage.route;
  return idempotent === "body" ? (lookIntoBody(passage)?.repeatable ?? false) : idempotent;
}

/** What the body says of the request: once, where all of it has come, is kept, and can be read in a moment. */
export function lookIntoBody(passage: Passage): Passage["looked"] {
  const { core, req, route, kept, uploaded } = passage;
  if (passage.looked || route.kind !== "infer" || !route.wire.look) return passage.looked;
  if (!uploaded || !kept.whole || kept.bytes > core.limits.bodyInspectedBytes) return undefined;
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
