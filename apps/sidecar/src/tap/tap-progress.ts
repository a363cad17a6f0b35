import { modelOf, type Passage } from "./passage.ts";
import { streamSilentSinceMs } from "./silent-streams.ts";
import type { TapCore, TapCounters } from "./tap-core.ts";

/** What the health ladder needs to tell busy from hung, and what the metrics print. */
export type TapProgress = TapCounters & {
  inflight: number;
  tunnels: number;
  /** Requests that the own server holds, answers under way included. */
  ownInflight: number;
  /** Requests whose answer only the own server's work is missing for. */
  waitingOnOwn: number;
  /** Since when the one that waits longest does. */
  oldestWaitSinceMs: number | undefined;
  /** The same of each model that a request named. */
  waiting: ReadonlyMap<string, { count: number; oldestSinceMs: number }>;
  /** The longest request of those: a first token takes its time by what has to be read before it. */
  waitingBytesMax: number;
  /** Streams of the own server that have begun, and since when the one that is silent longest is. */
  streaming: number;
  oldestSilenceSinceMs: number | undefined;
  keptBytes: number;
  upstreamConnections: number;
};

export function tapProgress(core: TapCore): TapProgress {
  let ownInflight = 0;
  let waitingOnOwn = 0;
  let oldestWaitSinceMs: number | undefined;
  const waiting = new Map<string, { count: number; oldestSinceMs: number }>();
  let waitingBytesMax = 0;
  let streaming = 0;
  let oldestSilenceSinceMs: number | undefined;
  for (const passage of core.passages) {
    const { current, ended, requestBytes } = passage;
    if (!current?.own || ended) continue;
    ownInflight += 1;
    const silentSinceMs = streamSilentSinceMs(passage);
    if (silentSinceMs !== undefined) {
      streaming += 1;
      oldestSilenceSinceMs = Math.min(oldestSilenceSinceMs ?? silentSinceMs, silentSinceMs);
    }
    const sinceMs = waitsSinceMs(passage);
    if (sinceMs === undefined) continue;
    waitingOnOwn += 1;
    waitingBytesMax = Math.max(waitingBytesMax, requestBytes);
    oldestWaitSinceMs = Math.min(oldestWaitSinceMs ?? sinceMs, sinceMs);
    const model = modelOf(passage);
    const own = model === undefined ? undefined : waiting.get(model);
    if (model !== undefined)
      waiting.set(model, {
        count: (own?.count ?? 0) + 1,
        oldestSinceMs: Math.min(own?.oldestSinceMs ?? sinceMs, sinceMs),
      });
  }
  return {
    ...core.counters,
    inflight: core.passages.size,
    tunnels: core.tunnels.size,
    ownInflight,
    waitingOnOwn,
    oldestWaitSinceMs,
    waiting,
    waitingBytesMax,
    streaming,
    oldestSilenceSinceMs,
    keptBytes: core.kept.bytes,
    upstreamConnections: core.upstreams.connections(),
  };
}

/** A stream's head says nothing: many servers send it before they begin to read the prompt. */
function waitsSinceMs({ current, delivering }: Passage): number | undefined {
  if (!delivering) return current?.waitingSinceMs;
  const { stream, complete, waitingSinceMs } = delivering;
  return stream && !complete && stream.items === 0 ? waitingSinceMs : undefined;
}
