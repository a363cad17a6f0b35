import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import {
  type CollectorKubernetes,
  Fault,
  isLoopback,
  type ServiceConfig,
  sha256Hex,
  splitAddress,
  streamVersion,
} from "@locum/contracts";
import type { ReadyView, ShippingView } from "@locum/contracts/client";
import type { decide as decideService } from "@locum/coordination";
import { type Clock, type Log, type MetricFamily, systemRandom } from "@locum/runtime";
import type { Kubernetes } from "@locum/runtime/kubernetes";
import { type ElasticsearchCopy, openElasticsearchCopy } from "./adapters/elasticsearch-copy.ts";
import { listEvidence } from "./adapters/list-evidence.ts";
import { createStreamHub, type StreamHub } from "./adapters/stream-hub.ts";
import { createApp } from "./app.ts";
import { refusedAlready } from "./audit-gate.ts";
import type { AuditLog } from "./audit-port.ts";
import { type AuthenticateLater, withPods } from "./auth.ts";
import type { CollectorConfig } from "./config.ts";
import { createFleet } from "./fleet.ts";
import { type Foundation, openFoundation } from "./foundation.ts";
import type { Cluster } from "./kubernetes/cluster.ts";
import { joinCluster } from "./kubernetes/join-cluster.ts";
import { metricFamilies } from "./metric-families.ts";
import { noShipping } from "./no-shipping.ts";
import { openService } from "./open-service.ts";
import { type OpenRepositories, openRepositories } from "./repositories/open-repositories.ts";
import { repositoryFamilies } from "./repositories/repository-families.ts";
import type { RepositoryThread, ThreadPlace } from "./repositories/repository-thread.ts";
import type { ServiceLoop } from "./service-loop.ts";
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
  /** The API server of the cluster; by kubeconfig or service account if absent. */
  openKubernetes?: (options: CollectorKubernetes) => Promise<Kubernetes>;
  openCopy?: typeof openElasticsearchCopy;
  openThread?: (place: ThreadPlace) => RepositoryThread;
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
  const hub: StreamHub = createStreamHub({
    authenticate: (authorization) => authenticate(authorization),
    knows: (service, instance) => loops.get(service)?.driver.state().members[instance] !== undefined,
    welcome: () => ({
      kind: "welcome",
      version: streamVersion,
      term: base.term,
      policyKey: base.signer.publicKey,
      ...(base.auditLog.proofs ? { logKey: base.auditLog.proofs.key } : {}),
    }),
    events: createStreamIntake({ ...base, ...deps, loop: (service) => loops.get(service), counts: streams }),
    ...(deps.pingMs === undefined ? {} : { pingMs: deps.pingMs }),
  });
  let cluster: Cluster | null = null;
  const open = (service: ServiceConfig): Promise<ServiceLoop> =>
    openService(service, {
      base,
      deps,
      dataDir: config.dataDir,
      loops,
      hub,
      onDecided: (name) => cluster?.decided(name),
    });
  for (const service of config.services) await open(service);
  cluster = await joinCluster(config, { base, deps, loops, open });
  const authenticate: AuthenticateLater = cluster
    ? withPods(base.authenticate, cluster.holderOf)
    : base.authenticate;
  const stopRetry = startTicks(deps.clock, retryMs, () => retryAll(base, loops));
  const copy = await openCopy(config, base, deps);
  const repositories = await openRepositories(
    config.repositories,
    repositoriesDeps(config, base, deps, loops),
  );
  const wired = { config, deps, base, loops, hub, streams, cluster, authenticate, copy, repositories };
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
      await cluster?.close();
      await repositories.close();
      await Promise.all([...loops.values()].map((loop) => loop.stop()));
      for (const service of loops.keys())
        await base.note({ kind: "collector.stop", service, reason: "stopped" }).catch(refusedAlready);
      await copy?.close();
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
  cluster: Cluster | null;
  authenticate: AuthenticateLater;
  copy: ElasticsearchCopy | null;
  repositories: OpenRepositories;
};

function appOf(wired: Wired, metrics: () => MetricFamily[]): Collector["app"] {
  const { config, deps, base, loops, hub, cluster, authenticate, copy, repositories } = wired;
  const fleet = createFleet(loops);
  return createApp({
    ...base,
    ...deps,
    authenticate,
    fleet,
    pods: (service) => cluster?.view(service) ?? { kubernetes: "off", pods: [] },
    problems: () => problemsOf(base, loops),
    shipping: () => shippingOf(wired),
    replay: () => {
      if (!copy)
        throw new Fault("not-found", "no Elasticsearch is configured: there is nothing to send again");
      return copy.replay();
    },
    console: {
      cookie: `locum_${sha256Hex(base.signer.publicKey).slice(0, 8)}`,
      secure: config.tls !== null,
    },
    repositories,
    isPrivate: config.tls !== null || isLoopback(splitAddress(config.listen).host),
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

const shippingOf = ({ base, copy }: Pick<Wired, "base" | "copy">): ShippingView =>
  copy?.view() ?? noShipping(base.auditLog.head().seq);

const repositoriesDeps = (
  { dataDir }: CollectorConfig,
  base: Foundation,
  deps: CollectorDeps,
  loops: ReadonlyMap<string, ServiceLoop>,
): Parameters<typeof openRepositories>[1] => ({
  ...base,
  ...deps,
  dataDir,
  random: systemRandom,
  services: () => [...loops.keys()],
  releasesOf: base.shelf.of,
  isProven: (service, release) =>
    Object.values(loops.get(service)?.driver.state().members ?? {}).some(
      ({ report }) => report?.release === release && report.goldens === "proven",
    ),
  quotaOf(service, place) {
    const own = loops.get(service)?.config.snapshot.repository;
    return own?.place === place ? (own.quotaBytes ?? null) : null;
  },
});

/** What the copy says of itself goes into the log as well; it speaks for no service. */
async function openCopy(
  { elasticsearch, dataDir }: CollectorConfig,
  base: Foundation,
  deps: CollectorDeps,
): Promise<ElasticsearchCopy | null> {
  if (!elasticsearch) return null;
  return (deps.openCopy ?? openElasticsearchCopy)(elasticsearch, {
    ...deps,
    dir: join(dataDir, "elasticsearch"),
    auditLog: base.auditLog,
    note: (event) => base.note({ service: "locum", ...event }).catch(refusedAlready),
  });
}

function metricsOf({ base, loops, hub, streams, cluster, copy, repositories }: Wired): () => MetricFamily[] {
  const fleet = createFleet(loops);
  const lag = monitorEventLoopDelay({ resolution: 20 });
  lag.enable();
  return () => [
    ...repositoryFamilies(repositories.views()),
    ...metricFamilies(fleet, {
      ...streams,
      audited: base.audited,
      streams: hub.sessions().length,
      cluster: cluster?.figures() ?? null,
      watchers: base.bus.listeners(),
      auditOpen: base.gate.fault() === null,
      shipping: shippingOf({ base, copy }),
      auditWaiting: base.gate.waiting(),
      auditCounted: base.gate.counted(),
      recordsWaiting: base.intake.waiting(),
      witnesses: base.witnesses.view(),
      loopLagMs: { mean: lag.mean / 1e6, max: lag.max / 1e6 },
    }),
  ];
}

function retryAll({ gate, intake }: Foundation, loops: ReadonlyMap<string, ServiceLoop>): void {
  void gate.retry();
  void intake.retry();
  for (const { writer, performer } of loops.values()) {
    writer.retry();
    performer.retry();
  }
}

function problemsOf(
  { gate, witnesses }: Foundation,
  loops: ReadonlyMap<string, ServiceLoop>,
): ReadyView["problems"] {
  const audit = gate.fault();
  const found = audit ? [{ code: audit.code as string, detail: `audit log: ${audit.message}` }] : [];
  found.push(...witnesses.problems());
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
