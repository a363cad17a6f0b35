import type { Release } from "@locum/contracts";
import { type Ask, goldensToAsk } from "@locum/coordination";
import type { SidecarConfig } from "../config.ts";
import type { DriveState } from "../drive.ts";
import type { ModelWork } from "../model-work.ts";
import type { StallLimit } from "../tap/silent-streams.ts";
import type { TapProgress } from "../tap/tap-progress.ts";
import type { Traffic } from "../traffic.ts";
import type { Upstream } from "../upstream.ts";
import { askGolden, expectationsOf } from "./ask-golden.ts";
import { isCacheDoubted } from "./cache-doubt.ts";
import { askConfiguration } from "./configuration-rung.ts";
import { watchCounter } from "./counter-traffic.ts";
import { createDayBudget } from "./day-budget.ts";
import { createLanes } from "./golden-lanes.ts";
import { createGoldenRound, type GoldenRound } from "./golden-round.ts";
import { createLatencyHistogram, type LatencyHistogram } from "./latency-histogram.ts";
import { createLiveRung, createReadyRung } from "./live-rung.ts";
import { modelOfGolden } from "./model-of-golden.ts";
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
  /** What finishes of each model by itself. */
  work: ModelWork;
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
    modelOf: (id) => modelOfGolden(state().health, id),
    perform: (id, isStale) =>
      askOne(options, id, { isStale, counts, timeoutMs: timeoutMs(), onRefused: process.suspect }),
  });
  const progress = createProgressRung({
    seen: () =>
      workSeen({
        tap: tap(),
        traffic,
        asked: goldens.inflight(),
        goldenLatencies: latencies,
        models: Object.keys(state().health.models),
        work: options.work,
        ...counts,
      }),
    lastStallMs: () => state().stallEndMs,
    halfwayMs: (p99Ms) => silenceLimitMs(p99Ms) / 2,
    onHalfway: goldens.askTwo,
    ...common,
  });
  /** What passes now would lose its stream to a question of ours. */
  const yields = () => server().cutsStreams === true && (tap()?.ownInflight ?? 0) > 0;
  let configurationWaited = false;
  const configuration = everyTime(golden.idleRoundMs, async () => {
    configurationWaited = yields() && !configurationWaited;
    if (!configurationWaited) await askConfiguration({ ...common, server: server(), releases: releases() });
  });

  // Where no tap sees the traffic, the server's own count tells of it.
  const counter =
    tap() === null
      ? watchCounter({ ...common, ours: () => counts.answered + counts.unanswered })
      : { isFlowing: () => traffic.perSecond() > 0, stop() {} };
  const lanes = createLanes(goldens, golden);
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
      lanes.tick(state().health, {
        traffic: counter.isFlowing(),
        yields: yields(),
        capacityPerSecond: traffic.capacityPerSecond(),
        goldenMs: latencies.quantile(0.5),
      });
    },
    stop() {
      for (const rung of [process, live, ready, progress, configuration, counter]) rung.stop();
    },
  };
}

type GoldenCounts = { answered: number; unanswered: number; latencies: LatencyHistogram };
type Asking = {
  isStale: () => boolean;
  timeoutMs: number;
  onRefused: () => void;
  counts: GoldenCounts;
};

/** One golden, from the question to what is told of it. */
async function askOne(
  { config, upstream, releases, rescan, state, clock, tell, work }: LadderOptions,
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
    bothWays: isCacheDoubted(state().health, id),
  });
  if (probe.outcome === "timeout") counts.unanswered += 1;
  if (isStale()) return;
  if (probe.outcome === "refused") onRefused();
  if (probe.outcome === "answered" || probe.outcome === "not-finite") {
    counts.answered += 1;
    work.answered(probe.model);
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
