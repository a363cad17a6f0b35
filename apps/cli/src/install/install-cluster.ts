import { type InstallValues, type Manifest, renderInstall, sidecarConfig } from "@locum/injection";
import type { Kubernetes } from "@locum/runtime/kubernetes";
import type { Output } from "../output.ts";
import { applyManifests, nameOf, removeManifests } from "./apply-manifests.ts";
import { collectorAuthority, collectorCertificate } from "./collector-certificate.ts";
import { injectedGroups } from "./injected-pods.ts";
import { supersededBy } from "./plan-changes.ts";
import { waitReady } from "./wait-ready.ts";

/**
 * Brings a cluster to what the values say, from whatever it was: applies, waits until the parts are ready, then takes
 * away what an earlier installation had and this one has not. In that order no labelled pod is without an answer.
 */
export async function installCluster(
  kubernetes: Kubernetes,
  values: InstallValues,
  { out, seconds, signal }: { out: Output; seconds: number; signal: AbortSignal },
): Promise<void> {
  const rendered = renderInstall(values);
  const [namespace, ...others] = rendered;
  await applyManifests(kubernetes, namespace ? [namespace] : [], { signal });
  const companions = await collectorCertificate(kubernetes, values);
  const objects: Manifest[] = [...(namespace ? [namespace] : []), ...companions, ...others];
  await applyManifests(kubernetes, objects, {
    signal,
    onApplied: (object) => out.progress(`applied ${nameOf(object)}`),
  });
  for (const image of Object.values(values.images))
    if (!image.includes("@sha256:")) out.progress(`note: ${image} is no digest: what a tag names may change`);
  if (values.inject.kubeletMin === undefined)
    out.progress("note: versions of kubelets are not known: sidecars are ordinary containers");
  const { enabled, namespaces, caConfigMap } = values.collector;
  if (enabled && namespaces.length === 0)
    out.progress(
      `note: collector.namespaces names none: the ConfigMap ${caConfigMap}, by which sidecars know the collector, goes to those that ask for sidecars now; install again after another one does`,
    );
  const parts = await waitReady(kubernetes, objects, { seconds, signal });
  await applyManifests(kubernetes, await collectorAuthority(kubernetes, values, { seconds, signal }), {
    signal,
  });
  const removed = await removeManifests(kubernetes, await supersededBy(kubernetes, objects), { signal });
  for (const name of removed) out.progress(`removed ${name}`);
  const groups = await injectedGroups(kubernetes, sidecarConfig(values));
  out.table(
    ["part", "ready", "image"],
    [
      ...parts.map(({ part, ready, wanted, image }) => [part, `${ready}/${wanted}`, image]),
      ["admission", values.admission, values.guard === "off" ? "no guard" : `guard: ${values.guard}`],
    ],
  );
  out.say("");
  if (groups.length === 0)
    out.say("No pod asks for a sidecar yet: label a pod template with locum.dev/inject: enabled.");
  else showGroups(out, groups);
  out.summary({
    namespace: values.namespace,
    admission: values.admission,
    parts,
    removed,
    workloads: groups,
  });
}

export function showGroups(out: Output, groups: Awaited<ReturnType<typeof injectedGroups>>): void {
  out.table(
    ["workload", "pods", "without a sidecar", "of other values"],
    groups.map(({ namespace, owner, pods, without, older }) => [
      `${namespace}/${owner}`,
      pods,
      without,
      older,
    ]),
  );
}
