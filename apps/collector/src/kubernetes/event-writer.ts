import type { Clock, Log, Random } from "@locum/runtime";
import type { Kubernetes, Resource } from "@locum/runtime/kubernetes";
import type { PodSeen } from "./pod-seen.ts";

export const eventResource: Resource = { group: "events.k8s.io", version: "v1", plural: "events" };

export type PodEvent = {
  pod: Pick<PodSeen, "namespace" | "name" | "uid">;
  type: "Normal" | "Warning";
  /** CamelCase, as `kubectl get events` shows it. */
  reason: string;
  action: string;
  note: string;
};
export type EventWriter = {
  /** Never waits and never fails: an Event is for people who look later. */
  write(event: PodEvent): void;
  idle(): Promise<void>;
  counts: { written: number; dropped: number };
};

const waitingMax = 256;
const againMs = 60_000;
const noteMax = 1024;

/**
 * Events of Kubernetes about pods, one at a time. The same of one pod is said once a minute; what does not fit into the
 * queue is dropped, for the audit log has it all.
 */
export function createEventWriter({
  kubernetes,
  clock,
  random,
  say,
  instance,
}: {
  kubernetes: Pick<Kubernetes, "create">;
  clock: Pick<Clock, "monotonicMs" | "wallMs">;
  random: Pick<Random, "id">;
  say: Log;
  /** Which process writes: its host's name. */
  instance: string;
}): EventWriter {
  const said = new Map<string, number>();
  const counts = { written: 0, dropped: 0 };
  let waiting = 0;
  let lane: Promise<void> = Promise.resolve();

  const isRepeated = ({ pod, reason, note }: PodEvent): boolean => {
    const now = clock.monotonicMs();
    for (const [key, untilMs] of said) if (untilMs <= now) said.delete(key);
    const key = `${pod.uid} ${reason} ${note}`;
    if (said.has(key)) return true;
    if (said.size < 10 * waitingMax) said.set(key, now + againMs);
    return false;
  };
  const send = async ({ pod, note, ...event }: PodEvent): Promise<void> => {
    const { namespace, name, uid } = pod;
    const body = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { namespace, name: `${name.slice(0, 200)}.${random.id().slice(0, 16)}` },
      // MicroTime has exactly six decimals, or the answer is 400.
      eventTime: `${new Date(clock.wallMs()).toISOString().slice(0, -1)}000Z`,
      reportingController: "locum.dev/collector",
      reportingInstance: instance.slice(0, 128),
      regarding: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
      note: note.slice(0, noteMax),
      ...event,
    };
    try {
      await kubernetes.create(eventResource, { namespace }, body);
      counts.written += 1;
    } catch (error) {
      counts.dropped += 1;
      say("debug", "an Event was not written", { reason: event.reason, error });
    }
  };
  return {
    write(event) {
      if (isRepeated(event)) return;
      if (waiting >= waitingMax) {
        counts.dropped += 1;
        return;
      }
      waiting += 1;
      lane = lane
        .then(() => send(event))
        .finally(() => {
          waiting -= 1;
        });
    },
    idle: () => lane,
    counts,
  };
}
