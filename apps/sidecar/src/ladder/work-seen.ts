import { judgedAs } from "@locum/coordination";
import type { ModelWork } from "../model-work.ts";
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
  models = [],
  work,
}: {
  /** Null in watch posture. */
  tap: TapProgress | null;
  traffic: Pick<Traffic, "p99Ms" | "firstTokenMs" | "tokenGapMs" | "givenUp">;
  /** Goldens under way, and all that ended. */
  asked: { count: number; oldestMs: number | undefined };
  answered: number;
  unanswered: number;
  goldenLatencies: LatencyHistogram;
  /** Judged by themselves. */
  models?: readonly string[];
  work?: Pick<ModelWork, "completed"> | undefined;
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
    ...(tap && work && models.length > 0 ? { models: modelsSeen(tap, work, models) } : {}),
  };
}

/** Each model's own waits, so that one that stands still is not hidden by neighbours that work. */
function modelsSeen(
  { waiting }: TapProgress,
  { completed }: Pick<ModelWork, "completed">,
  models: readonly string[],
): NonNullable<WorkSeen["models"]> {
  return Object.fromEntries(
    models.map((name) => {
      let inflight = 0;
      let oldestSinceMs: number | undefined;
      for (const [model, own] of waiting) {
        if (!judgedAs(models, model).includes(name)) continue;
        inflight += own.count;
        oldestSinceMs = oldest(oldestSinceMs, own.oldestSinceMs);
      }
      return [name, { inflight, oldestSinceMs, completed: completed(name) }];
    }),
  );
}

function oldest(...times: (number | undefined)[]): number | undefined {
  const known = times.filter((it) => it !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
