import { releaseBody } from "./kept-body.ts";
import { dropAttempt, modelOf, type Passage, tellOutcome } from "./passage.ts";
import { observe } from "./tap-core.ts";
import type { InferRoute } from "./tap-deps.ts";

/** The client's side has closed. `whole`: all of an answer, ours included, went out. */
export function closePassage(passage: Passage, { whole }: { whole: boolean }): void {
  const { core, client, current, first, delivering, route, kept } = passage;
  if (!core.passages.delete(passage)) return;
  for (const attempt of [current, first]) {
    if (!attempt) continue;
    if (!whole && !passage.ended) tellOutcome(attempt, "client-gone");
    if (!attempt.complete || attempt.mode !== "delivering") dropAttempt(attempt);
  }
  core.counters.finished += 1;
  const ended = {
    model: modelOf(passage),
    status: delivering?.head?.status ?? client.status(),
    resent: passage.resends > 0,
    whole: whole && !(delivering?.broken ?? false),
    ms: core.deps.clock.monotonicMs() - passage.startedMs,
  };
  observe(core, { kind: "finished", ...ended });
  passage.trace?.end({
    ...ended,
    answeredBy: delivering && { id: delivering.target.id, own: delivering.own },
    wrong: (delivering?.defect ?? delivering?.stream?.defect) !== undefined,
    uploaded: passage.uploaded,
  });
  const { inspectRequest } = core.deps;
  if (inspectRequest && route.kind === "infer" && passage.uploaded && kept.whole) lookAtInput(passage, route);
  releaseBody(kept, core.kept);
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
