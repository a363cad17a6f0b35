import { createFirstTokenHistory } from "./ladder/first-token-history.ts";
import { createLatencyHistogram } from "./ladder/latency-histogram.ts";
import type { TapEvent, TapOutcome } from "./tap/tap-event.ts";

export type Traffic = {
  observe(event: TapEvent): void;
  /** Requests of clients a second, over the last few seconds. */
  perSecond(): number;
  /** The most that the own server answered in one second while all its slots were taken; 0 until that was seen. */
  capacityPerSecond(): number;
  /** Of whole answers, and of streams until their first token. */
  p99Ms(): number;
  /** Until the first token of a request of this size. */
  firstTokenMs(requestBytes: number): number;
  /** Between two tokens of a stream. */
  tokenGapMs(): number;
  pace(): StreamPace;
  /** Tries at the own server that ended without its word: the client left, or they were sent elsewhere. */
  givenUp(): number;
};

/** How the own server generates; zeros while it was never seen to. */
export type StreamPace = Record<"firstTokenMs" | "tokenGapMs", { p50: number; p99: number }>;

const lost: readonly TapOutcome[] = ["client-gone", "diverted", "timeout"];
const secondsKept = 5;
/** A capacity that was measured long ago fades, for the machine beside it may have changed. */
const capacityFade = 0.999;

/** Rates and latencies of what the tap sees at the own server. */
export function createTraffic({
  ownId,
  maxConcurrency,
  inflight,
  clock,
}: {
  ownId: string;
  maxConcurrency: number;
  inflight: () => number;
  clock: { monotonicMs(): number };
}): Traffic {
  const latencies = createLatencyHistogram();
  const firstTokens = createFirstTokenHistory();
  const gaps = createLatencyHistogram();
  const started = new Array<number>(secondsKept).fill(0);
  let second = Math.floor(clock.monotonicMs() / 1000);
  let answered = 0;
  let saturated = true;
  let capacity = 0;
  let givenUp = 0;

  const roll = (): void => {
    const now = Math.floor(clock.monotonicMs() / 1000);
    if (now === second) return;
    if (saturated && answered > 0 && now - second === 1) capacity = Math.max(capacity, answered);
    else capacity *= capacityFade;
    for (let at = second + 1; at <= Math.min(now, second + secondsKept); at += 1)
      started[at % secondsKept] = 0;
    second = now;
    answered = 0;
    saturated = true;
  };
  return {
    observe(event) {
      roll();
      if (event.kind === "started" && event.infer) {
        started[second % secondsKept] = (started[second % secondsKept] ?? 0) + 1;
      }
      if (inflight() < maxConcurrency) saturated = false;
      if (event.kind === "outcome" && event.target === ownId && lost.includes(event.outcome)) givenUp += 1;
      if (event.kind === "token" && event.target === ownId) {
        if (event.first) firstTokens.observe(event.requestBytes, event.ms);
        else gaps.observe(event.ms);
      }
      if (event.kind === "outcome" && event.target === ownId && event.outcome === "ok" && event.infer) {
        answered += 1;
        if (event.serverMs !== undefined) latencies.observe(event.serverMs);
      }
    },
    perSecond() {
      roll();
      // The running second is not over: it would look like a lull.
      const whole = started.reduce((sum, count, at) => sum + (at === second % secondsKept ? 0 : count), 0);
      return whole / (secondsKept - 1);
    },
    capacityPerSecond: () => Math.round(capacity),
    p99Ms: () => latencies.tail(),
    firstTokenMs: firstTokens.tail,
    tokenGapMs: gaps.tail,
    pace: () => ({ firstTokenMs: twoOf(firstTokens), tokenGapMs: twoOf(gaps) }),
    givenUp: () => givenUp,
  };
}

const twoOf = ({ quantile }: { quantile: (part: number) => number }) => ({
  p50: quantile(0.5),
  p99: quantile(0.99),
});
