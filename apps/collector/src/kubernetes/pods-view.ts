import type { PodsView, PodView } from "@locum/contracts/client";
import type { Drifted } from "./drift.ts";
import { keyOf, type PodSeen } from "./pod-seen.ts";
import type { Found } from "./services-of.ts";

/** What the API shows of the pods, oldest first. */
export function podsView(
  {
    synced,
    pods,
    found,
    drifted,
  }: { synced: boolean; pods: readonly PodSeen[]; found: Found; drifted: readonly Drifted[] },
  service: string | undefined,
): PodsView {
  const bare = new Map(drifted.map((one) => [one.pod.uid, one]));
  const rows = pods
    .filter(({ ended }) => !ended)
    .toSorted((a, b) => a.createdMs - b.createdMs)
    .map((pod): PodView => {
      const taken = found.taken.get(keyOf(pod));
      const drift = bare.get(pod.uid);
      const injection = pod.sidecar ? "injected" : (drift?.injection ?? "missed");
      return {
        namespace: pod.namespace,
        pod: pod.name,
        node: pod.node,
        service: taken?.service ?? pod.config?.service ?? null,
        instance: taken?.instance ?? null,
        injection,
        detail: drift
          ? `${drift.reason ? `${drift.reason}: ` : ""}${drift.detail}`
          : (found.leftOut.get(keyOf(pod)) ?? null),
        version: pod.sidecar?.version ?? null,
        rev: pod.sidecar?.rev ?? null,
        role: pod.role,
        ready: pod.ready,
        deleting: pod.deleting,
      };
    });
  return {
    kubernetes: synced ? "synced" : "behind",
    pods: service === undefined ? rows : rows.filter((row) => row.service === service),
  };
}
