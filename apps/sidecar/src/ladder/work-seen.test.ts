import { expect, test } from "vitest";
import type { TapProgress } from "../tap/tap-progress.ts";
import { createLatencyHistogram } from "./latency-histogram.ts";
import { workSeen } from "./work-seen.ts";

const idle = {
  ownWork: 7,
  waitingOnOwn: 0,
  oldestWaitSinceMs: undefined,
  waitingBytesMax: 0,
  streaming: 0,
  oldestSilenceSinceMs: undefined,
} as unknown as TapProgress;
const traffic = {
  p99Ms: () => 300,
  firstTokenMs: (bytes: number) => (bytes > 1_000 ? 5_000 : 100),
  tokenGapMs: () => 20,
  givenUp: () => 2,
};

const seen = (
  tap: Partial<TapProgress> | null,
  asked = { count: 0, oldestMs: undefined as number | undefined },
) =>
  workSeen({
    tap: tap && { ...idle, ...tap },
    traffic,
    asked,
    answered: 3,
    unanswered: 1,
    goldenLatencies: createLatencyHistogram(),
  });

test.each<[name: string, tap: Partial<TapProgress> | null, asked: number, p99Ms: number]>([
  ["nothing in flight", {}, 0, 300],
  ["no tap", null, 0, 300],
  ["streams alone are judged by their own pace", { streaming: 2 }, 0, 20],
  ["with a request that waits, a prompt may be read meanwhile", { streaming: 2, waitingOnOwn: 1 }, 0, 300],
  ["a long prompt takes its time", { streaming: 2, waitingOnOwn: 1, waitingBytesMax: 9_000 }, 0, 5_000],
  ["with a golden under way too", { streaming: 2 }, 1, 300],
])("%s", (_name, tap, count, p99Ms) => {
  expect(seen(tap, { count, oldestMs: count === 0 ? undefined : 40 }).p99Ms).toBe(p99Ms);
});

test("a stream that is silent counts from its last token, and everything that finished as work", () => {
  expect(
    seen(
      { streaming: 2, oldestSilenceSinceMs: 30, waitingOnOwn: 1, oldestWaitSinceMs: 50 },
      { count: 1, oldestMs: 40 },
    ),
  ).toMatchObject({ inflight: 4, oldestSinceMs: 30, work: 10, givenUp: 3 });
});
