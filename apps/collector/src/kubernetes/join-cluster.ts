import type { CollectorKubernetes, ServiceConfig } from "@locum/contracts";
import { planOf } from "@locum/coordination";
import {
  createKubernetes,
  inClusterAccess,
  type Kubernetes,
  loadKubeconfig,
} from "@locum/runtime/kubernetes";
import type { CollectorDeps } from "../collector.ts";
import type { CollectorConfig } from "../config.ts";
import { createFleet } from "../fleet.ts";
import type { Foundation } from "../foundation.ts";
import type { ServiceLoop } from "../service-loop.ts";
import { type Cluster, openCluster } from "./cluster.ts";

/** While etcd is away the API server answers nothing at all, so nothing here waits longer than this. */
const timeoutMs = 5000;

/**
 * Wires the cluster's room to the rest of the collector; null where none is configured.
 * @throws Fault config-invalid | config-unreadable
 */
export async function joinCluster(
  config: Pick<CollectorConfig, "kubernetes" | "dataDir" | "services">,
  {
    base,
    deps,
    loops,
    open,
  }: {
    base: Foundation;
    deps: CollectorDeps;
    loops: Map<string, ServiceLoop>;
    open: (service: ServiceConfig) => Promise<ServiceLoop>;
  },
): Promise<Cluster | null> {
  const { kubernetes: options, dataDir, services } = config;
  if (!options) return null;
  const fleet = createFleet(loops);
  const cluster = await openCluster({
    options,
    kubernetes: await (deps.openKubernetes ?? connect)(options),
    dataDir,
    reserved: new Set(services.map(({ service }) => service)),
    host: {
      clock: deps.clock,
      say: deps.say,
      running: (service) => loops.get(service),
      all: fleet.all,
      open: async (service) => void (await open(await withLostActive(service, base))),
      change(service) {
        const loop = loops.get(service.service);
        if (!loop) return;
        loops.set(service.service, { ...loop, config: service });
        loop.driver.put({ kind: "plan", plan: planOf(service) });
      },
    },
  });
  base.bus.subscribe({ audit: cluster.record, report: () => undefined, end: () => undefined });
  return cluster;
}

async function connect({ kubeconfig }: CollectorKubernetes): Promise<Kubernetes> {
  const access = kubeconfig === undefined ? await inClusterAccess() : await loadKubeconfig(kubeconfig);
  return createKubernetes(access, { timeoutMs });
}

/**
 * The exclusive active of the stored state may have died while nobody looked: it is kept in the plan, so that it is
 * missed and another one is promoted for it, by the same rules as at any other time.
 */
async function withLostActive(service: ServiceConfig, { store }: Foundation): Promise<ServiceConfig> {
  if (service.class !== "exclusive") return service;
  const stored = await store.readService(service.service);
  const lost = Object.entries(stored?.roles ?? {}).filter(
    ([id, role]) => role === "active" && !service.instances.some((instance) => instance.id === id),
  );
  const [pattern] = service.instances;
  if (!pattern) return service;
  return {
    ...service,
    instances: [
      ...service.instances,
      ...lost.map(([id]) => ({ ...pattern, id, volume: undefined, domain: undefined })),
    ].map(({ volume, domain, ...instance }) => ({
      ...instance,
      ...(volume === undefined ? {} : { volume }),
      ...(domain === undefined ? {} : { domain }),
    })),
  };
}
