import { join } from "node:path";
import { type CollectorKubernetes, Name, ServiceConfig } from "@locum/contracts";
import { keyOf, type PodSeen } from "./pod-seen.ts";

export type Found = {
  services: ServiceConfig[];
  /** Pods with a sidecar that belong to no service here, by `namespace/name`, and why. */
  leftOut: ReadonlyMap<string, string>;
  /** `service/instance` of every pod that is taken, by `namespace/name`. */
  taken: ReadonlyMap<string, { service: string; instance: string }>;
  /** Which namespace a service belongs to, for good: its releases are not for whoever takes the name later. */
  owners: ReadonlyMap<string, string>;
};
type Options = {
  approvers: CollectorKubernetes["approvers"];
  dataDir: string;
  reserved: ReadonlySet<string>;
  owners?: ReadonlyMap<string, string>;
};

/** What a policy can name as peers. */
const instancesMax = 64;
const servicesMax = 5000;

/**
 * The services that the sidecars of these pods say they are of. A pod decides little here: whoever may make pods could
 * else have the collector run programs (`notify`) or believe releases (`approvers`). A name belongs to the namespace
 * that had it first; services of a file keep theirs.
 */
export function servicesOf(
  pods: readonly PodSeen[],
  { approvers, dataDir, reserved, owners: known = new Map() }: Options,
): Found {
  const owners = new Map(known);
  const leftOut = new Map<string, string>();
  const taken = new Map<string, { service: string; instance: string }>();
  const groups = new Map<string, PodSeen[]>();
  const byAge = pods
    .filter(({ sidecar }) => sidecar !== null)
    .toSorted((a, b) => a.createdMs - b.createdMs || (keyOf(a) < keyOf(b) ? -1 : 1));
  for (const pod of byAge) {
    const { config, name } = pod;
    if (!config || config.instances[0]?.id !== name) {
      leftOut.set(keyOf(pod), "its LOCUM_SERVICE cannot be read, or names another instance");
      continue;
    }
    if (pod.ended || pod.deleting) continue;
    const { service } = config;
    const group = groups.get(service) ?? [];
    const owner = owners.get(service);
    const why = refusal(pod, group, { reserved, owner, isFull: owners.size >= servicesMax });
    if (why !== null) {
      leftOut.set(keyOf(pod), why);
      continue;
    }
    owners.set(service, pod.namespace);
    groups.set(service, [...group, pod]);
    taken.set(keyOf(pod), { service, instance: name });
  }
  const services = [...groups].map(([name, members]) => serviceOf(name, members, { approvers, dataDir }));
  return { services, leftOut, taken, owners };
}

function refusal(
  { config, namespace }: PodSeen,
  group: readonly PodSeen[],
  { reserved, owner, isFull }: { reserved: ReadonlySet<string>; owner: string | undefined; isFull: boolean },
): string | null {
  const service = config?.service ?? "";
  if (reserved.has(service)) return `the service ${service} is that of a service file`;
  if (owner === undefined) return isFull ? `there are ${servicesMax} services already` : null;
  if (owner !== namespace) return `the service ${service} is that of namespace ${owner}: set locum.dev/group`;
  return group.length >= instancesMax ? `the service ${service} has ${instancesMax} instances already` : null;
}

function serviceOf(
  service: string,
  members: readonly PodSeen[],
  { approvers, dataDir }: { approvers: CollectorKubernetes["approvers"]; dataDir: string },
): ServiceConfig {
  const configs = members.flatMap(({ config }) => config ?? []);
  const newest = configs.at(-1);
  // One pod that says exclusive is enough: to be too careful costs a failover, the opposite two actives.
  const exclusive = configs.some((config) => config.class === "exclusive");
  return ServiceConfig.parse({
    apiVersion: "locum.dev/v1alpha1",
    service,
    class: exclusive ? "exclusive" : "stateless",
    posture: exclusive ? "tap" : (newest?.posture ?? "watch"),
    models: newest?.models ?? [],
    failover: newest?.failover ?? {},
    golden: newest?.golden ?? {},
    snapshot: newest?.snapshot ?? {},
    objectives: newest?.objectives ?? {},
    approvers,
    releases: join(dataDir, "releases", service),
    instances: members.map(({ name, node, config, sidecar }) => {
      const [instance] = config?.instances ?? [];
      const domain = Name.safeParse(node?.slice(0, 63)).data;
      return {
        id: name,
        url: instance?.url ?? "http://127.0.0.1",
        role: exclusive ? "standby" : (sidecar?.role ?? "active"),
        ...(instance?.volume === undefined ? {} : { volume: instance.volume }),
        ...(domain === undefined ? {} : { domain }),
      };
    }),
  });
}
