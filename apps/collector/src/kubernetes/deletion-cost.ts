import type { Clock } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { deletionCostKey, type PodSeen } from "./pod-seen.ts";

const againMs = 60_000;
const writesAtOnce = 8;

export type Load = { inflight: number; fit: boolean };

/** Whom a ReplicaSet removes first: the unfit, then the idle. Powers of two, so that it does not change all the time. */
export const costOf = ({ inflight, fit }: Load): number =>
  fit ? (inflight < 1 ? 0 : 2 ** Math.min(10, Math.ceil(Math.log2(inflight + 1)))) : -1;

/** Writes the cost of at most a few pods a call, and of each at most once a minute. Failures are tried a minute later. */
export function createDeletionCost({
  kubernetes,
  clock,
}: {
  kubernetes: Pick<Kubernetes, "patch">;
  clock: Pick<Clock, "monotonicMs">;
}): { keep(pods: readonly (readonly [PodSeen, Load])[]): Promise<void>; counts: { written: number } } {
  const wroteAtMs = new Map<string, number>();
  const counts = { written: 0 };
  return {
    counts,
    async keep(pods) {
      const now = clock.monotonicMs();
      for (const [uid, atMs] of wroteAtMs) if (now - atMs >= againMs) wroteAtMs.delete(uid);
      const due = pods.flatMap(([pod, load]) => {
        const cost = String(costOf(load));
        const isOld = pod.controller?.kind === "ReplicaSet" && !pod.deleting && !wroteAtMs.has(pod.uid);
        return isOld && (pod.deletionCost ?? "0") !== cost ? [{ pod, cost }] : [];
      });
      await Promise.all(
        due.slice(0, writesAtOnce).map(async ({ pod, cost }) => {
          wroteAtMs.set(pod.uid, now);
          const body = { metadata: { uid: pod.uid, annotations: { [deletionCostKey]: cost } } };
          try {
            await kubernetes.patch(resources.pods, pod, body);
            counts.written += 1;
          } catch {
            // It is advice to the scheduler of removals: the next minute will do.
          }
        }),
      );
    },
  };
}
