import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { streamVersion } from "@locum/contracts";
import type { ReadyView } from "@locum/contracts/client";
import { decide as decideService } from "@locum/coordination";
import type { Clock, Log, MetricFamily } from "@locum/runtime";
import { listEvidence } from "./adapters/list-evidence.ts";
import { createStreamHub, type StreamHub } from "./adapters/stream-hub.ts";
import { createApp } from "./app.ts";
import type { AuditLog } from "./audit-port.ts";
import type { CollectorConfig } from "./config.ts";
import { createFleet } from "./fleet.ts";
import { type Foundation, openFoundation } from "./foundation.ts";
import { metricFamilies } from "./metric-families.ts";
import { openServiceLoop, type ServiceLoop } from "./service-loop.ts";
import { startTicks } from "./start-ticks.ts";
import type { Store } from "./store.ts";
import { createStreamIntake, sendRelease } from "./stream-intake.ts";

/** Everything but the port: what a server serves, and how it ends. */
export type Collector = {
  app: ReturnType<typeof createApp>;
  upgrade: StreamHub["upgrade"];
  /** For createTelemetry. */
  metrics: { families(): MetricFamily[] };
  /** Sidecars go on by their last policy, watchers come back with Last-Event-ID. */
  endStreams(): void;
  close(): Promise<void>;
};

export type CollectorDeps = {
  clock: Clock;
  say: Log;
  openAudit: (folder: string) => Promise<AuditLog>;
  openStore?: (file: string) => Store;
  /** Releases that lie beside a configuration; each is verified. */
  readReleases: (folder: string) => Promise<unknown[]>;
  /** A decision broke an invariant: the process must end. */
  onBroken: (error: unknown) => void;
  decide?: typeof decideService;
  pingMs?: number;
};

const retryMs = 1000;

/**
 * Takes the lead over the configured services and goes on where the last collector stopped: the term is stored before
 * anything uses it, then each service starts from its stored state.
 * @throws Fault conflict | config-invalid | disk-full | storage-failed
 */
export async function openCollector(config: CollectorConfig, deps: CollectorDeps): Promise<Collector> {
  const base = await openFoundation(config, deps);
  const loops = new Map<string, ServiceLoop>();
  const streams = { framesIn: {} as Record<string, number>, framesRejected: 0 };
  const hub = createStreamHub({
    authenticate: base.authenticate,
    knows: (service, instance) =>
      config.services.some(
        (known) => known.service === service && known.instances.some(({ id }) => id === instance),
      ),
    welcome: () => ({
      kind: "welcome",
      version: streamVersion,
      term: base.term,
      policyKey: base.signer.publicKey,
    }),
    events: createStreamIntake({ ...base, ...deps, loop: (service) => loops.get(service), counts: streams }),
    ...(deps.pingMs === undefined ? {} : { pingMs: deps.pingMs }),
  });
  for (const service of config.services) {
    await base.note({ kind: "collector.start", service: service.service, reason: "started" });
    await takeReleases(base, deps, service.releases);
    const loop = await openServiceLoop({
      ...base,
      ...deps,
      decide: deps.decide ?? decideService,
      config: service,
      dataDir: config.dataDir,
      hub: () => hub,
      fleetSilence: () => silenceOf(loops),
      sign: base.signer.sign,
    });
    loops.set(service.service, loop);
  }
  const stopRetry = startTicks(deps.clock, retryMs, () => retryAll(base, loops));
  const wired = { config, deps, base, loops, hub, streams };
  const metrics = metricsOf(wired);
  return {
    app: appOf(wired, metrics),
    metrics: { families: metrics },
    upgrade: hub.upgrade,
    endStreams() {
      hub.close();
      base.bus.close();
    },
    async close() {
      stopRetry();
      await Promise.all([...loops.values()].map((loop) => loop.stop()));
      for (const service of loops.keys())
        await base.note({ kind: "collector.stop", service, reason: "stopped" });
      await base.close();
    },
  };
}

type Wired = {
  config: CollectorConfig;
  deps: CollectorDeps;
  base: Foundation;
  loops: ReadonlyMap<string, ServiceLoop>;
  hub: StreamHub;
  streams: { framesIn: Record<string, number>; framesRejected: number };
};

function appOf({ config, deps, base, loops, hub }: Wired, metrics: () => MetricFamily[]): Collector["app"] {
  const fleet = createFleet(loops);
  return createApp({
    ...base,
    ...deps,
    fleet,
    problems: () => problemsOf(base, loops),
    evidence: () => listEvidence(join(config.dataDir, "evidence")),
    async announce(digest, actor) {
      const release = base.shelf.find(digest);
      if (!release) return;
      const { service, note, tree } = release.body;
      const facts = { release: digest, tree: tree?.digest ?? null };
      await base.note({ kind: "release.approve", service, reason: note, actor, facts });
      sendRelease((frame) => hub.sendAll(service, null, frame), release, deps.say);
    },
    metrics,
  });
}

function metricsOf({ base, loops, hub, streams }: Wired): () => MetricFamily[] {
  const fleet = createFleet(loops);
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  return () =>
    metricFamilies(fleet, {
      ...streams,
      audited: base.audited,
      streams: hub.sessions().length,
      watchers: base.bus.listeners(),
      auditOpen: base.gate.fault() === null,
      auditWaiting: base.gate.waiting(),
      recordsWaiting: base.intake.waiting(),
      loopLagMs: { mean: lag.mean / 1e6, max: lag.max / 1e6 },
    });
}

async function takeReleases(
  { shelf }: Foundation,
  { readReleases, say }: CollectorDeps,
  folder: string,
): Promise<void> {
  for (const value of await readReleases(folder))
    await shelf
      .put(value)
      .catch((error: unknown) => say("warn", "a release was not taken", { path: folder, error }));
}

function silenceOf(loops: ReadonlyMap<string, ServiceLoop>): { silent: number; size: number } {
  const members = [...loops.values()].flatMap(({ driver }) => Object.values(driver.state().members));
  const known = members.filter(({ heardAtMs }) => heardAtMs !== null);
  return { silent: known.filter(({ silent }) => silent).length, size: known.length };
}

function retryAll({ gate, intake }: Foundation, loops: ReadonlyMap<string, ServiceLoop>): void {
  void gate.retry();
  void intake.retry();
  for (const { writer, performer } of loops.values()) {
    writer.retry();
    performer.retry();
  }
}

function problemsOf({ gate }: Foundation, loops: ReadonlyMap<string, ServiceLoop>): ReadyView["problems"] {
  const audit = gate.fault();
  const found = audit ? [{ code: audit.code as string, detail: `audit log: ${audit.message}` }] : [];
  for (const [service, { driver, writer }] of loops) {
    const stored = writer.fault();
    if (stored) found.push({ code: "storage-failed", detail: `${service}: ${stored}` });
    if (driver.state().observeOnly)
      found.push({
        code: "not-leader",
        detail: `${service}: observing only, the store is behind the sidecars`,
      });
  }
  return found;
}
