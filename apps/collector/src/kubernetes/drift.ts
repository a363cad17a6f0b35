import { Fault } from "@locum/contracts";
import { type DeclineReason, declineReasons, type InjectConfig, inject } from "@locum/injection";
import type { Clock, Log } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import type { EventWriter } from "./event-writer.ts";
import type { PodSeen } from "./pod-seen.ts";

const againMs = 60_000;
const lookedAtOnce = 8;
const knownMax = 10_000;

/** A pod that asked for a sidecar and has none: why. */
export type Drifted = {
  pod: PodSeen;
  injection: "missed" | "declined";
  reason: DeclineReason | null;
  detail: string;
};

export type Drift = {
  /** Looks at what is not known yet, tells it, and evicts where that is wanted. */
  keep(pods: readonly PodSeen[]): Promise<void>;
  drifted(): readonly Drifted[];
  counts: { evicted: number; blocked: number };
};

/**
 * The last net under injection: webhooks were away, a policy was removed, or a pod is older than either. Whether a pod
 * could have had a sidecar is asked of the same function that injects; one that cannot is told, and never evicted.
 */
export function createDrift({
  kubernetes,
  events,
  clock,
  say,
  heal,
  config,
}: {
  kubernetes: Pick<Kubernetes, "get" | "create">;
  events: Pick<EventWriter, "write">;
  clock: Pick<Clock, "monotonicMs">;
  say: Log;
  heal: "off" | "evict";
  config: InjectConfig;
}): Drift {
  const known = new Map<string, Drifted>();
  const evictedAtMs = new Map<string, number>();
  const counts = { evicted: 0, blocked: 0 };

  const look = async (pod: PodSeen): Promise<void> => {
    const object = await kubernetes.get(resources.pods, pod).catch(() => undefined);
    if (!object || object.metadata.uid !== pod.uid || known.size >= knownMax) return;
    const found = inject({ pod: object.spec, meta: object.metadata, config });
    const drifted: Drifted =
      found.kind === "declined"
        ? { pod, injection: "declined", reason: found.reason, detail: found.detail }
        : { pod, injection: "missed", reason: null, detail: "it was made while nothing injected" };
    known.set(pod.uid, drifted);
    events.write({
      pod,
      type: "Warning",
      reason: drifted.injection === "missed" ? "InjectionMissed" : "InjectionDeclined",
      action: "Inject",
      note: `${drifted.detail}. ${drifted.reason ? declineReasons[drifted.reason] : "Make the pod anew, once the injector answers."}`,
    });
  };
  const evict = async ({ namespace, name, uid }: PodSeen): Promise<void> => {
    const place = { namespace, name, sub: "eviction" };
    const body = {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { namespace, name },
      deleteOptions: { preconditions: { uid } },
    };
    try {
      await kubernetes.create(resources.pods, place, body);
      counts.evicted += 1;
      say("info", "a pod without its sidecar was evicted", { namespace, pod: name });
    } catch (error) {
      // The answer to an eviction is a Status and no object; what a disruption budget holds back is 429.
      if (error instanceof Fault && error.code === "upstream-protocol") counts.evicted += 1;
      else counts.blocked += 1;
    }
  };
  return {
    counts,
    drifted: () => [...known.values()],
    async keep(pods) {
      const bare = pods.filter(isBare);
      const uids = new Set(bare.map(({ uid }) => uid));
      for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid);
      await Promise.all(
        bare
          .filter(({ uid }) => !known.has(uid))
          .slice(0, lookedAtOnce)
          .map(look),
      );
      if (heal !== "evict") return;
      const now = clock.monotonicMs();
      for (const [group, atMs] of evictedAtMs) if (now - atMs >= againMs) evictedAtMs.delete(group);
      for (const { pod, injection } of known.values()) {
        // Nobody would make another one in the place of a pod without a controller.
        if (injection !== "missed" || !pod.controller || pod.controller.kind === "DaemonSet") continue;
        const group = `${pod.namespace}/${pod.controller.kind}/${pod.controller.name}`;
        if (evictedAtMs.has(group)) continue;
        evictedAtMs.set(group, now);
        await evict(pod);
      }
    },
  };
}

export const isBare = ({ asked, sidecar, deleting, ended }: PodSeen): boolean =>
  asked && sidecar === null && !deleting && !ended;
