import type { Release } from "@locum/contracts";
import { type Ask, goldensToAsk } from "@locum/coordination";
import type { SidecarConfig } from "../config.ts";
import type { DriveState } from "../drive.ts";
import type { StallLimit } from "../tap/silent-streams.ts";
import type { TapProgress } from "../tap/tap-progress.ts";
import type { Traffic } from "../traffic.ts";
import type { Upstream } from "../upstream.ts";
import { askGolden, expectationsOf } from "./ask-golden.ts";
import { askConfiguration } from "./configuration-rung.ts";
import { watchCounter } from "./counter-traffic.ts";
import { createDayBudget } from "./day-budget.ts";
import { type PaceView, paceOf } from "./golden-pace.ts";
import { createGoldenRound, type GoldenRound } from "./golden-round.ts";
import { createLatencyHistogram, type LatencyHistogram } from "./latency-histogram.ts";
import { createLiveRung, createReadyRung } from "./live-rung.ts";
import { createProcessRung } from "./process-rung.ts";
import { createProgressRung } from "./progress-rung.ts";
import { readingMs } from "./reading-time.ts";
import { everyTime, type LadderClock, type Tell } from "./rung.ts";
import { tryConnect } from "./try-connect.ts";
import { workSeen } from "./work-seen.ts";

export type Ladder = {
  ask(ask: Ask): void;
  /** Somebody saw a connection refused or reset. */
  suspectProcess(): void;
  /** Every few tens of milliseconds, with what is known now. */
  tick(): void;
  goldens: GoldenRound;
  timeoutMs(): number;
  stop(): void;
};

export type LadderOptions = {
  config: SidecarConfig;
  upstream: Upstream;
  releases: () => readonly Release[];
  /** Reads the folders of releases again, now. */
  rescan: () => Promise<void>;
  models: () => readonly string[];
  state: () => DriveState;
  traffic: Traffic;
  /** Null in watch posture. */
  tap: () => TapProgress | null;
  /** Single streams that are silent while others go on. */
  tellStalled: (limit: StallLimit) => void;
  isProcessGone: () => Promise<boolean>;
  clock: LadderClock;
  tell: Tell;
};

/** L0 to L4 of one instance, and the configuration: who asks what, when. */
export function createLadder(options: LadderOptions): Ladder {
  const { config, upstream, releases, models, state, traffic, tap, clock, tell } = options;
  const { probe, golden } = config.service;
  const { url } = config.instance;
  const server = () => upstream.server();
  const common = { server, timeoutMs: probe.timeoutMs, clock, tell };
  const counts: GoldenCounts = { answered: 0, unanswered: 0, latencies: createLatencyHistogram() };
  const { latencies } = counts;
  let failedRounds = 0;

  const silenceLimitMs = (p99Ms: number) =>
    Math.min(probe.divertCeilingMs, Math.max(probe.divertFloorMs, 8 * p99Ms));
  const timeoutMs = () =>
    Math.max(golden.timeoutFloorMs, 8 * latencies.tail(), readingMs(tap(), traffic, silenceLimitMs));
  const process = createProcessRung({ url, everyMs: probe.processMs, ...common, ...options });
  const live = createLiveRung({ everyMs: probe.liveMs, ...common });
  const ready = createReadyRung({ everyMs: probe.readyMs, models, ...common });
  const goldens = createGoldenRound({
    ids: () => goldensToAsk(state().health),
    budget: createDayBudget(golden.costPerDayMax, clock),
    clock,
    perform: (id, isStale) =>
      askOne(options, id, { isStale, counts, timeoutMs: timeoutMs(), onRefused: process.suspect }),
  });
  const progress = createProgressRung({
    seen: () =>
      workSeen({ tap: tap(), traffic, asked: goldens.inflight(), goldenLatencies: latencies, ...counts }),
    lastStallMs: () => state().stallEndMs,
    halfwayMs: (p99Ms) => silenceLimitMs(p99Ms) / 2,
    onHalfway: goldens.askTwo,
    ...common,
  });
  const configuration = everyTime(golden.idleRoundMs, () =>
    askConfiguration({ ...common, server: server(), releases: releases() }),
  );

  // Where no tap sees the traffic, the server's own count tells of it.
  const counter =
    tap() === null
      ? watchCounter({ ...common, ours: () => counts.answered + counts.unanswered })
      : { isFlowing: () => traffic.perSecond() > 0, stop() {} };
  const paceNow = () =>
    paceOf(
      paceView(state(), {
        traffic: counter.isFlowing(),
        failedRounds,
        capacityPerSecond: traffic.capacityPerSecond(),
        goldenMs: latencies.quantile(0.5),
      }),
      golden,
    );
  return {
    goldens,
    timeoutMs,
    ask(ask) {
      if (ask.kind === "process") process.again();
      else if (ask.kind === "live") live.now();
      else goldens.ask(ask);
      // What is served may have changed with the files, the releases or the load that it was asked for.
      if (ask.kind === "all-goldens") configuration.now();
    },
    suspectProcess: process.suspect,
    tick() {
      progress.tick();
      options.tellStalled({
        limitMs: silenceLimitMs(traffic.tokenGapMs()),
        notBeforeMs: state().stallEndMs,
      });
      const failed = state().health.verdict.kind === "failed";
      if (!failed) failedRounds = 0;
      if (goldens.tick(paceNow()) && failed) failedRounds += 1;
    },
    stop() {
      for (const rung of [process, live, ready, progress, configuration, counter]) rung.stop();
    },
  };
}

const paceView = (
  { health }: DriveState,
  measured: Pick<PaceView, "traffic" | "failedRounds" | "capacityPerSecond" | "goldenMs">,
): PaceView => ({
  ...measured,
  count: goldensToAsk(health).length,
  verdict: health.verdict.kind,
  suspicion: health.goldens.suspectSinceMs !== null || health.bytes.state === "unapproved",
});

type GoldenCounts = { answered: number; unanswered: number; latencies: LatencyHistogram };
type Asking = {
  isStale: () => boolean;
  timeoutMs: number;
  onRefused: () => void;
  counts: GoldenCounts;
};

/** One golden, from the question to what is told of it. */
async function askOne(
  { config, upstream, releases, rescan, clock, tell }: LadderOptions,
  id: string,
  { isStale, timeoutMs, onRefused, counts }: Asking,
): Promise<void> {
  const [first, ...rest] = expectationsOf(id, releases());
  if (!first) return;
  const startedMs = clock.monotonicMs();
  const probe = await askGolden({
    server: upstream.server(),
    expectations: [first, ...rest],
    timeoutMs,
    clock,
    isListening: () => isListening(config.instance.url, config.service.probe.timeoutMs),
    newer: () => rescan().then(() => expectationsOf(id, releases())),
  });
  if (probe.outcome === "timeout") counts.unanswered += 1;
  if (isStale()) return;
  if (probe.outcome === "refused") onRefused();
  if (probe.outcome === "answered" || probe.outcome === "not-finite") {
    counts.answered += 1;
    counts.latencies.observe(probe.latencyMs);
  }
  tell({ probe, startedMs, timeout: probe.outcome === "timeout" });
}

async function isListening(url: string, timeoutMs: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const { outcome } = await tryConnect({
    host,
    port: Number(port) || (protocol === "https:" ? 443 : 80),
    timeoutMs,
  });
  return outcome === "open" || outcome === "timeout";
}
