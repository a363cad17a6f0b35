import type { ServiceConfig } from "@locum/contracts";
import type { Durable, Input, Member, ServicePlan, ServiceState } from "./decision.ts";
import { audit, setMember, setState, type Turn } from "./turn.ts";

/** The slice of the configuration that decisions depend on. */
export function planOf(config: ServiceConfig): ServicePlan {
  const { failover, golden, snapshot } = config;
  return {
    service: config.service,
    class: config.class,
    instances: config.instances.map(({ id, role, volume, domain, shadow }) => ({
      id,
      role: shadow ? "standby" : role,
      volume: volume ?? id,
      domain: domain ?? id,
      ...(shadow ? { shadow } : {}),
    })),
    mode: failover.mode,
    failClosed: failover.failClosed,
    onUnapproved: failover.onUnapproved,
    allWrong: golden.allWrong,
    heartbeatMs: failover.heartbeatMs,
    leaseMs: failover.leaseMs,
    prepareMs: failover.prepareMs,
    fitnessMaxAgeMs: golden.fitnessMaxAgeMs,
    settleMs: snapshot.settleMs,
    actionsMax: failover.actionsMax,
    actionsWindowMs: failover.actionsWindowMs,
    failback: failover.failback,
    failbackAfterMs: failover.failbackAfterMs,
    objectives: config.objectives,
  };
}

/** A service before its first input. Nothing is decided until `start` brings the term and the stored state. */
export function startService(plan: ServicePlan): ServiceState {
  const members = Object.fromEntries(plan.instances.map(({ id }) => [id, newMember(id)]));
  return {
    plan,
    durable: firstDurable(plan),
    storing: null,
    held: [],
    stored: { term: 0, epoch: 0 },
    members,
    incidents: {},
    awaited: {},
    tried: {},
    observeUntilMs: Number.POSITIVE_INFINITY,
    observeOnly: true,
    massSilence: false,
    leadUntilMs: 0,
    policy: null,
    policyCount: 0,
    counter: 0,
    said: {},
  };
}

export const newMember = (id: string): Member => ({
  id,
  incarnation: null,
  connected: false,
  contested: false,
  rivals: [],
  answeredAtMs: null,
  heardAtMs: null,
  report: null,
  seq: 0,
  silent: false,
  healthySinceMs: null,
  repairedAtMs: null,
  leaseUntilMs: 0,
  leasedTo: null,
  incident: null,
});

const firstDurable = (plan: ServicePlan): Durable => ({
  version: 0,
  term: 0,
  epoch: 0,
  roles: Object.fromEntries(plan.instances.map(({ id, role }) => [id, role])),
  promotion: null,
  operations: {},
  spent: {},
  pausedUntil: null,
  frozen: [],
});

/** A new leader takes the stored state over as it is: open intents are resumed or aborted, never marked failed. */
export function startTerm(
  turn: Turn,
  { term, durable, incidents, leadUntilMs }: Extract<Input, { kind: "start" }>,
): void {
  const { plan } = turn.state;
  const stored = durable ?? firstDurable(plan);
  const roles = Object.fromEntries(
    plan.instances.map(({ id, role, shadow }) => [id, shadow ? role : (stored.roles[id] ?? role)]),
  );
  // Leases that the last leader granted may still be held: nobody is promoted before the longest can have ended.
  const listenMs = plan.class === "exclusive" ? judgedLeaseMs(plan.leaseMs) : 2 * plan.heartbeatMs;
  const observeUntilMs = turn.atMs + Math.max(listenMs, 2 * plan.heartbeatMs);
  setState(turn, {
    durable: { ...stored, roles, term },
    stored: { term: stored.term, epoch: stored.epoch },
    observeOnly: false,
    leadUntilMs,
    observeUntilMs,
    incidents: Object.fromEntries(incidents.map((incident) => [incident.id, { ...incident, tried: [] }])),
  });
  // Whoever the last leader knew is missed by this one, too: an active may have died together with it.
  if (durable) for (const { id } of plan.instances) setMember(turn, id, { heardAtMs: observeUntilMs });
  for (const incident of incidents) setMember(turn, incident.instance, { incident: incident.id });
  audit(turn, "collector.takeover", null, "started", {
    term,
    epoch: stored.epoch,
    openPromotion: stored.promotion !== null,
  });
}

/** The judge waits longer than the holder holds: 2 % for a slow clock, and 100 ms. */
export const judgedLeaseMs = (leaseMs: number): number => leaseMs * 1.02 + 100;
