import { configHash, containerName, type InjectConfig, label, readStatus } from "@locum/injection";
import { type KubeObject, type Kubernetes, resources } from "@locum/runtime/kubernetes";

/** Pods that asked for a sidecar, by what makes them. */
export type InjectedGroup = {
  namespace: string;
  owner: string;
  pods: number;
  /** Asked for one, and have none. */
  without: number;
  /** Have one that was put in by other values than these: it stays until the pod is replaced. */
  older: number;
};

export async function injectedGroups(kubernetes: Kubernetes, config: InjectConfig): Promise<InjectedGroup[]> {
  // Of pods in a labelled namespace only those are seen that ask themselves or bear a status: the label is listed.
  const { items } = await kubernetes.list(
    resources.pods,
    {},
    { labelSelector: `${label},${label}!=disabled` },
  );
  const groups = new Map<string, InjectedGroup>();
  const current = configHash(config);
  for (const pod of items) {
    const { namespace = "", labels = {}, ownerReferences } = pod.metadata;
    const [owner] = (ownerReferences ?? []) as { kind?: string; name?: string }[];
    const hash = labels["pod-template-hash"];
    const made = owner?.name?.replace(new RegExp(`-${hash ?? "$^"}$`), "") ?? pod.metadata.name;
    const key = `${namespace}/${made}`;
    const group = groups.get(key) ?? { namespace, owner: made, pods: 0, without: 0, older: 0 };
    groups.set(key, group);
    group.pods += 1;
    const status = readStatus({ annotations: pod.metadata.annotations });
    if (!hasSidecar(pod)) group.without += 1;
    else if (typeof status !== "object" || status?.spec !== current) group.older += 1;
  }
  return [...groups.values()].toSorted((one, other) =>
    `${one.namespace}/${one.owner}` < `${other.namespace}/${other.owner}` ? -1 : 1,
  );
}

function hasSidecar({ spec }: KubeObject): boolean {
  const { containers = [], initContainers = [] } = (spec ?? {}) as {
    containers?: { name: string }[];
    initContainers?: { name: string }[];
  };
  return [...containers, ...initContainers].some(({ name }) => name === containerName);
}
