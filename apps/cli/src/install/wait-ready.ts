import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import type { Manifest } from "@locum/injection";
import type { KubeObject, Kubernetes } from "@locum/runtime/kubernetes";
import { nameOf, placeOf } from "./apply-manifests.ts";

export type Part = { part: string; ready: number; wanted: number; image: string };

/** How far the installation's own pods are. */
export async function partsOf(kubernetes: Kubernetes, objects: readonly Manifest[]): Promise<Part[]> {
  const own = objects.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
  return Promise.all(
    own.map(async (object) => {
      const { resource, place } = placeOf(object);
      const live = await kubernetes.get(resource, place);
      return { part: nameOf(object), ...progressOf(live) };
    }),
  );
}

type Progress = {
  replicas?: number;
  observedGeneration?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
};

function progressOf(live: KubeObject | null): Omit<Part, "part"> {
  const spec = (live?.spec ?? {}) as {
    replicas?: number;
    template?: { spec?: { containers?: { image?: string }[] } };
  };
  const status = (live?.status ?? {}) as Progress;
  const isSeen = status.observedGeneration === live?.metadata.generation;
  return {
    // Ready pods of the old template do not count: what was applied is to be ready.
    ready: isSeen ? Math.min(status.updatedReplicas ?? 0, status.readyReplicas ?? 0) : 0,
    wanted: spec.replicas ?? 1,
    image: spec.template?.spec?.containers?.[0]?.image ?? "-",
  };
}

const everyMs = 500;

/** @throws Fault upstream-timeout, with the parts that are not ready */
export async function waitReady(
  kubernetes: Kubernetes,
  objects: readonly Manifest[],
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<Part[]> {
  const end = AbortSignal.timeout(seconds * 1000);
  for (;;) {
    const parts = await partsOf(kubernetes, objects);
    const late = parts.filter(({ ready, wanted }) => ready < wanted);
    if (late.length === 0) return parts;
    if (end.aborted)
      throw new Fault(
        "upstream-timeout",
        `not ready within ${seconds} s: ${late.map(({ part, ready, wanted }) => `${part} ${ready}/${wanted}`).join(", ")}`,
        {
          hint: "kubectl describe pod -l app.kubernetes.io/name=locum -A tells what holds them up; locum install again goes on.",
        },
      );
    await sleep(everyMs, undefined, { signal });
  }
}
