import type { AuditEvent, CollectorFrame, Policy, SignedPolicy } from "@locum/contracts";
import type { Effect } from "@locum/coordination";
import type { Clock, Log } from "@locum/runtime";
import { type AuditGate, refusedAlready } from "./audit-gate.ts";
import type { DecisionWriter } from "./decision-writer.ts";
import type { Timeless } from "./drive.ts";

/** Batches of effects that wait for the disk; commands beyond are dropped, as a network would. */
const waitingMax = 10_000;

type Ports = {
  service: string;
  writer: Pick<DecisionWriter, "swap" | "saveIncident">;
  gate: AuditGate;
  clock: Clock;
  say: Log;
  sign: (policy: Policy) => SignedPolicy;
  /** To the incarnation that a command names; the others of its identity hear nothing. */
  send: (instance: string, incarnation: string | null, frame: CollectorFrame) => boolean;
  sendAll: (frame: CollectorFrame) => void;
  /** Does the core wait for the answer to this command. */
  isAwaited: (command: string) => boolean;
  incarnationOf: (instance: string) => string | null;
  verifyPath: (instance: string, epoch: number) => Promise<{ ok: boolean; detail: string }>;
  notify: (subject: string, event: AuditEvent) => void;
  put: (input: Timeless) => void;
};

type Send = Extract<Effect, { kind: "send" }>;

export type Performer = {
  perform(effects: readonly Effect[]): void;
  /** What a sidecar that has just connected must run by. */
  policy(): SignedPolicy | null;
  /** Sends what was withheld while the audit log took no events. */
  retry(): void;
  idle(): Promise<void>;
  stop(): void;
  counts: { commands: number; withheld: number };
};

/**
 * Does what the core decided, in its order, and puts back what comes of it. A command leaves only when every event
 * before it is on disk: its intent is then known, whatever happens next. Acknowledgements wait for nothing: a lease
 * must not end because a disk is slow.
 */
export function createPerformer(ports: Ports): Performer {
  const { gate, clock, say } = ports;
  const counts = { commands: 0, withheld: 0 };
  const withheld = new Map<string, Send>();
  let latestPolicy: SignedPolicy | null = null;
  let lane: Promise<void> = Promise.resolve();
  let waiting = 0;
  // Outlives a turn: an intent of this turn may belong to a command of the next.
  let recorded: Promise<void> = Promise.resolve();
  let stopped = false;

  const command = (effect: Send): void => {
    const { instance, command: order } = effect;
    if (gate.fault() || waiting > waitingMax) {
      counts.withheld += 1;
      if (withheld.size < waitingMax) withheld.set(order.id, effect);
      return;
    }
    counts.commands += 1;
    // Not connected: the core sends again when it is, or when it finds the answer overdue.
    ports.send(instance, order.incarnation, { kind: "command", command: order });
  };
  const inLane = (act: () => void): void => {
    const before = recorded;
    waiting += 1;
    lane = lane
      .then(() => before)
      .then(() => {
        waiting -= 1;
        if (!stopped) act();
      });
  };
  const stamped = (event: Omit<AuditEvent, "at">): AuditEvent => ({
    ...event,
    at: new Date(clock.wallMs()).toISOString(),
  });

  const performers: { [K in Effect["kind"]]: (effect: Extract<Effect, { kind: K }>) => void } = {
    ack: ({ instance, ...ack }) => ports.send(instance, ports.incarnationOf(instance), ack),
    audit: ({ event }) => {
      // Refused, it is counted, and the gate is shut: the commands that follow stay here.
      recorded = gate.append([stamped(event)]).catch(refusedAlready);
    },
    store: ({ durable }) => void recorded.then(() => ports.writer.swap(durable)),
    send: (effect) => inLane(() => command(effect)),
    policy: ({ policy }) =>
      inLane(() => {
        latestPolicy = ports.sign(policy);
        ports.sendAll({ kind: "policy", signed: latestPolicy });
      }),
    "verify-path": ({ promotion, instance, epoch }) =>
      void ports.verifyPath(instance, epoch).then((seen) => ports.put({ kind: "path", promotion, ...seen })),
    incident: ({ incident }) => ports.writer.saveIncident(incident),
    notify: ({ subject, event }) => ports.notify(subject, stamped(event)),
    would: ({ effect }) => say("info", "dry run: would act", { service: ports.service, action: effect.kind }),
  };

  return {
    perform(effects) {
      for (const effect of effects) (performers[effect.kind] as (effect: Effect) => void)(effect);
    },
    policy: () => latestPolicy,
    retry() {
      if (gate.fault()) return;
      const late = [...withheld.values()];
      withheld.clear();
      // Like a slow network: what the core still waits for is worth sending, the rest has been decided anew.
      for (const effect of late) if (ports.isAwaited(effect.command.id)) inLane(() => command(effect));
    },
    idle: () => lane,
    stop: () => {
      stopped = true;
    },
    counts,
  };
}
