import { containerName, label, readStatus } from "@locum/injection";
import type { KubeObject } from "@locum/runtime/kubernetes";

/** What the checks need of a pod. */
export type PodFacts = {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  asked: boolean;
  injected: boolean;
  /** `injected` by its container, while its status cannot be read. */
  unreadable: boolean;
  version: string | null;
  node: string | null;
  hostNetwork: boolean;
  /** Of what makes it: a Deployment instead of its ReplicaSet. */
  workload: { kind: string; name: string } | null;
  /** In tap posture: the tap's port, and the model's own. */
  ports: { tap: number; model: number } | null;
  /** The model's container, as far as the sidecar names it. */
  container: string | null;
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const listOf = (value: unknown): Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter(isObject) : [];
export const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

export function podFacts({ metadata, spec, status }: KubeObject): PodFacts | null {
  if (!isObject(spec)) return null;
  const phase = isObject(status) ? status.phase : undefined;
  if (metadata.deletionTimestamp !== undefined || phase === "Succeeded" || phase === "Failed") return null;
  const labels = metadata.labels ?? {};
  const containers = [...listOf(spec.initContainers), ...listOf(spec.containers)];
  const sidecar = containers.find(({ name }) => name === containerName);
  const said = readStatus({ annotations: metadata.annotations });
  const told = typeof said === "object" ? said : null;
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    labels,
    asked: labels[label] === "enabled",
    injected: sidecar !== undefined,
    unreadable: sidecar !== undefined && told === null,
    version: told?.version ?? null,
    node: textOf(spec.nodeName),
    hostNetwork: spec.hostNetwork === true,
    workload: workloadOf(metadata),
    ports: portsOf(sidecar),
    container: metadata.annotations?.["kubectl.kubernetes.io/default-container"] ?? null,
  };
}

function workloadOf({ ownerReferences, labels }: KubeObject["metadata"]): PodFacts["workload"] {
  const owner = listOf(ownerReferences).find(({ controller }) => controller === true);
  const kind = textOf(owner?.kind);
  const name = textOf(owner?.name);
  if (kind === null || name === null) return null;
  const hash = labels?.["pod-template-hash"];
  return kind === "ReplicaSet" && hash !== undefined && name.endsWith(`-${hash}`)
    ? { kind: "Deployment", name: name.slice(0, -hash.length - 1) }
    : { kind, name };
}

function portsOf(sidecar: Record<string, unknown> | undefined): PodFacts["ports"] {
  const text = textOf(listOf(sidecar?.env).find(({ name }) => name === "LOCUM_SERVICE")?.value);
  if (text === null) return null;
  try {
    const service = JSON.parse(text) as Record<string, unknown>;
    const [instance] = listOf(service.instances);
    const tap = isObject(instance?.sidecar) ? textOf(instance.sidecar.tap) : null;
    const url = URL.parse(textOf(instance?.url) ?? "");
    if (service.posture !== "tap" || tap === null || !url) return null;
    return { tap: Number(tap.slice(tap.lastIndexOf(":") + 1)), model: Number(url.port) };
  } catch {
    return null;
  }
}

export const nameOf = ({ namespace, name }: Pick<PodFacts, "namespace" | "name">): string =>
  `${namespace}/${name}`;

/** Pods of one workload together, by `namespace/kind/name`. */
export function byWorkload(pods: readonly PodFacts[]): Map<string, PodFacts[]> {
  const groups = new Map<string, PodFacts[]>();
  for (const pod of pods) {
    if (!pod.workload) continue;
    const key = `${pod.namespace}/${pod.workload.kind}/${pod.workload.name}`;
    groups.set(key, [...(groups.get(key) ?? []), pod]);
  }
  return groups;
}
