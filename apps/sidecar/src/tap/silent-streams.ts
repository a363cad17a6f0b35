import { type Passage, tellOutcome } from "./passage.ts";
import type { TapCore } from "./tap-core.ts";

/**
 * Since when a stream that has begun waits for the own server's next token; undefined where it does not. While the
 * client can still send, the pause may be its own.
 */
export function streamSilentSinceMs({ delivering, ended, uploaded }: Passage): number | undefined {
  if (!delivering?.own || !delivering.stream || ended || !uploaded) return undefined;
  const { stream, complete, clientIsSlow } = delivering;
  return complete || clientIsSlow || stream.items === 0 ? undefined : stream.movedAtMs;
}

/**
 * Tells of each stream that has been silent for longer than the limit while the own server did other work. Where nothing
 * else moves either, that is not this stream's story but the server's, and its progress tells it.
 */
export function tellStalled(core: TapCore, { limitMs, notBeforeMs }: StallLimit): void {
  const nowMs = core.deps.clock.monotonicMs();
  for (const passage of core.passages) {
    const sinceMs = streamSilentSinceMs(passage);
    const { delivering } = passage;
    if (sinceMs === undefined || !delivering || delivering.told) continue;
    const silentMs = nowMs - Math.max(sinceMs, notBeforeMs);
    if (silentMs < limitMs || core.counters.ownProgressMs < nowMs - limitMs / 2) continue;
    const detail = `a stream gave nothing for ${Math.round(silentMs)} ms (limit ${Math.round(limitMs)} ms)`;
    tellOutcome(delivering, "stalled", { counts: true, detail });
  }
}

/** `notBeforeMs`: until then this process stood still, and nothing counts as silence. */
export type StallLimit = { limitMs: number; notBeforeMs: number };
