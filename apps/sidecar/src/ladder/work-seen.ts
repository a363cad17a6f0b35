import type { TapProgress } from "../tap/tap-progress.ts";
import type { Traffic } from "../traffic.ts";
import type { LatencyHistogram } from "./latency-histogram.ts";
import type { WorkSeen } from "./progress-rung.ts";

/** What is in flight at the own server, and by whose history its silence is judged. */
export function workSeen({
  tap,
  traffic,
  asked,
  answered,
  unanswered,
  goldenLatencies,
}: {
  /** Null in watch posture. */
  tap: TapProgress | null;
  traffic: Pick<Traffic, "p99Ms" | "firstTokenMs" | "tokenGapMs" | "givenUp">;
  /** Goldens under way, and all that ended. */
  asked: { count: number; oldestMs: number | undefined };
  answered: number;
  unanswered: number;
  goldenLatencies: LatencyHistogram;
}): WorkSeen {
  const streaming = tap?.streaming ?? 0;
  const waiting = (tap?.waitingOnOwn ?? 0) + asked.count;
  const gapMs = traffic.tokenGapMs();
  // Where only tokens of streams are missing, their own pace tells; else a prompt may be read meanwhile, or a whole
  // answer be made, and everything else waits behind it.
  const onlyStreams = waiting === 0 && streaming > 0 && gapMs > 0;
  const firstTokenMs = traffic.firstTokenMs(tap?.waitingBytesMax ?? 0);
  return {
    inflight: waiting + streaming,
    oldestSinceMs: oldest(tap?.oldestWaitSinceMs, tap?.oldestSilenceSinceMs, asked.oldestMs),
    work: (tap?.ownWork ?? 0) + answered,
    givenUp: traffic.givenUp() + unanswered,
    p99Ms: onlyStreams ? gapMs : Math.max(traffic.p99Ms(), firstTokenMs, goldenLatencies.tail()),
  };
}

function oldest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((it) => it !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
