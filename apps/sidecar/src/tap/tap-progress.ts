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
  keptBytes: number;
  upstreamConnections: number;
};

export function tapProgress(core: TapCore): TapProgress {
  let ownInflight = 0;
  let waitingOnOwn = 0;
  let oldestWaitSinceMs: number | undefined;
  for (const { current, delivering, ended } of core.passages) {
    if (current?.own && !ended) ownInflight += 1;
    if (!current?.own || delivering || ended || current.waitingSinceMs === undefined) continue;
    waitingOnOwn += 1;
    oldestWaitSinceMs = Math.min(oldestWaitSinceMs ?? Number.POSITIVE_INFINITY, current.waitingSinceMs);
  }
  return {
    ...core.counters,
    inflight: core.passages.size,
    tunnels: core.tunnels.size,
    ownInflight,
    waitingOnOwn,
    oldestWaitSinceMs,
    keptBytes: core.kept.bytes,
    upstreamConnections: core.upstreams.connections(),
  };
}
