import { type CollectorKubernetes, Fault, type Role } from "@locum/contracts";
import type { ServiceState } from "@locum/coordination";
import { roleLabel } from "@locum/injection";
import type { Log } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { epochKey, type PodSeen } from "./pod-seen.ts";
import type { Roster } from "./roster.ts";

const triesMax = 3;

/** What the labels of one service's pods should be now; null while nothing may be written. */
export type WantedRoles = { term: number; epoch: number; roles: ReadonlyMap<string, Role> } | null;

/**
 * As stored: what is only on its way to the store may be taken back by a crash. An active that has let go in the middle
 * of a promotion is fenced from then on, so that its successor finds the road free.
 */
export function wantedRoles({ durable, storing, observeOnly, plan }: ServiceState): WantedRoles {
  if (plan.class !== "exclusive" || observeOnly || storing || durable.term === 0) return null;
  const { promotion } = durable;
  const leaving = promotion?.phase === "prepare" && promotion.fenced ? promotion.from : null;
  const roles = plan.instances.map(
    ({ id }) => [id, id === leaving ? ("fenced" as const) : (durable.roles[id] ?? "standby")] as const,
  );
  return { term: durable.term, epoch: durable.epoch, roles: new Map(roles) };
}

/** Whether a namespace asked for the labels of its pods to be kept. */
export const isPromoted = (
  { promotion }: Pick<CollectorKubernetes, "promotion">,
  namespace: string | undefined,
): boolean =>
  typeof promotion === "boolean" ? promotion : namespace !== undefined && promotion.includes(namespace);

export type RoleLabels = {
  /**
   * Brings the labels of one service's pods to what is wanted: first everybody who is not active, then the active, and
   * that one only when nobody else carries the label any more. True where nothing is left to do.
   */
  keep(pods: readonly PodSeen[], wanted: NonNullable<WantedRoles>): Promise<boolean>;
  counts: { written: number; refused: number; failed: number };
};

/**
 * A sink like any other: the pods carry the term and epoch of the last write, and a lower one is refused. Each write is
 * bound to the pod as it was read (resourceVersion), and what the server answers is read back.
 */
export function createRoleLabels({
  kubernetes,
  roster,
  say,
}: {
  kubernetes: Pick<Kubernetes, "get" | "patch">;
  roster: Pick<Roster, "put" | "get">;
  say: Log;
}): RoleLabels {
  const counts = { written: 0, refused: 0, failed: 0 };

  const writeOnce = async (pod: PodSeen, role: Role, epoch: string): Promise<boolean> => {
    const place = { namespace: pod.namespace, name: pod.name };
    const metadata = {
      uid: pod.uid,
      resourceVersion: pod.resourceVersion,
      labels: { [roleLabel]: role },
      annotations: { [epochKey]: epoch },
    };
    const after = roster.put(await kubernetes.patch(resources.pods, place, { metadata }));
    counts.written += 1;
    return after?.role === role;
  };
  const write = async (pod: PodSeen, role: Role, epoch: string): Promise<boolean> => {
    let known: PodSeen | undefined = pod;
    for (let tries = 0; known && tries < triesMax; tries += 1) {
      if (known.uid !== pod.uid || known.role === role) return true;
      if (isBehind(epoch, known.epoch)) return refuse(known, epoch);
      try {
        return await writeOnce(known, role, epoch);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // A pod that is gone carries no label.
        if (error.code === "not-found") return true;
        if (error.code !== "conflict") return fail(known, error);
        const found = await kubernetes.get(resources.pods, pod).catch(() => undefined);
        if (found === null) return true;
        known = found ? (roster.put(found) ?? undefined) : undefined;
      }
    }
    return false;
  };
  const refuse = ({ name, epoch: seen }: PodSeen, epoch: string): false => {
    counts.refused += 1;
    say("warn", "a pod carries a higher term or epoch: its role label stays", { pod: name, seen, epoch });
    return false;
  };
  const fail = ({ name }: PodSeen, error: Fault): false => {
    counts.failed += 1;
    say("warn", "the role label was not written", { pod: name, error });
    return false;
  };
  return {
    counts,
    async keep(pods, { term, epoch: number, roles }) {
      const epoch = `${term}.${number}`;
      const highest = pods.find((pod) => isBehind(epoch, pod.epoch));
      if (highest) return refuse(highest, epoch);
      const differing = pods.flatMap((pod) => {
        // Who is no instance of the service here (left out, gone from the plan) is active nowhere.
        const role = roles.get(pod.name) ?? "standby";
        return pod.role === role ? [] : [{ pod, role }];
      });
      const passive = differing.filter(({ role }) => role !== "active");
      const written = await Promise.all(passive.map(({ pod, role }) => write(pod, role, epoch)));
      if (!written.every(Boolean)) return false;
      const active = differing.filter(({ role }) => role === "active");
      const promoted = await Promise.all(active.map(({ pod, role }) => write(pod, role, epoch)));
      return promoted.every(Boolean);
    },
  };
}

/** Is `ours` lower than what a pod carries. What cannot be read counts as nothing. */
export function isBehind(ours: string, seen: string | null): boolean {
  const [, term, epoch] = /^(\d{1,15})\.(\d{1,15})$/.exec(seen ?? "") ?? [];
  if (term === undefined || epoch === undefined) return false;
  const [ownTerm = 0, ownEpoch = 0] = ours.split(".").map(Number);
  return ownTerm === Number(term) ? ownEpoch < Number(epoch) : ownTerm < Number(term);
}
