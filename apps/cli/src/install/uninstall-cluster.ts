import { label, webhookNames } from "@locum/injection";
import { type KubeObject, type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { nameOf, removeManifests } from "./apply-manifests.ts";
import { listInstalled } from "./plan-changes.ts";

export type Uninstalled = {
  removed: string[];
  kept: { name: string; why: string }[];
  /** Pods that still have their sidecar. */
  pods: number;
};

/**
 * Removes what bears the label of an installation, admission first, so that nothing asks a webhook that is gone. A
 * namespace holds whatever else people put into it: it goes only when it is empty of volumes, or with `purge`.
 */
export async function uninstallCluster(
  kubernetes: Kubernetes,
  { purge, signal }: { purge: boolean; signal: AbortSignal },
): Promise<Uninstalled> {
  const installed = await listInstalled(kubernetes);
  const namespaces = installed.filter(({ kind }) => kind === "Namespace");
  const others = installed.filter(({ kind }) => kind !== "Namespace");
  const removed = await removeManifests(kubernetes, others, { signal });
  const kept: Uninstalled["kept"] = [];
  for (const namespace of namespaces) {
    const { name } = namespace.metadata;
    // The injector's own: it made it, and nobody else would take it away.
    const secret = { namespace: name, name: webhookNames.secret };
    if (await kubernetes.remove(resources.secrets, secret, { signal }))
      removed.push(`secret/${name}/${webhookNames.secret}`);
    const volumes = await volumesIn(kubernetes, name);
    if (purge) removed.push(...(await removeVolumes(kubernetes, volumes, signal)));
    else
      kept.push(
        ...volumes.map((volume) => ({
          name: nameOf(volume),
          why: "it holds the audit log (--purge removes it)",
        })),
      );
    if (!purge && volumes.length > 0) kept.push({ name: nameOf(namespace), why: "the volume is in it" });
    else removed.push(...(await removeManifests(kubernetes, [namespace], { signal })));
  }
  const { items } = await kubernetes.list(resources.pods, {}, { labelSelector: label });
  const pods = items.filter(
    ({ metadata }) => metadata.annotations?.[`${label.split("/")[0]}/status`] !== undefined,
  );
  return { removed, kept, pods: pods.length };
}

const ownVolumes = "app.kubernetes.io/name=locum,app.kubernetes.io/component=collector";

async function volumesIn(kubernetes: Kubernetes, namespace: string): Promise<KubeObject[]> {
  const { items } = await kubernetes.list(
    resources.persistentVolumeClaims,
    { namespace },
    { labelSelector: ownVolumes },
  );
  return items.map((item) => ({ ...item, apiVersion: "v1", kind: "PersistentVolumeClaim" }));
}

async function removeVolumes(
  kubernetes: Kubernetes,
  volumes: readonly KubeObject[],
  signal: AbortSignal,
): Promise<string[]> {
  for (const { metadata } of volumes)
    await kubernetes.remove(
      resources.persistentVolumeClaims,
      { namespace: metadata.namespace, name: metadata.name },
      { signal },
    );
  return volumes.map(nameOf);
}
