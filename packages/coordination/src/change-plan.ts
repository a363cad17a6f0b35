import type { Input, InstancePlan } from "./decision.ts";
import { closeIncident } from "./incidents.ts";
import { newMember } from "./service-start.ts";
import { audit, setDurable, setState, type Turn } from "./turn.ts";

/**
 * Instances came or went, as pods do. Who is gone is forgotten, with its incident and its operations, and is missed by
 * nobody; but for an exclusive active: its lease may still be held, so it stays until another one is promoted for it.
 */
export function changePlan(turn: Turn, { plan: wanted }: Extract<Input, { kind: "plan" }>): void {
  const { plan: before, members: known } = turn.state;
  const isWanted = new Set(wanted.instances.map(({ id }) => id));
  const missed = before.instances.filter(({ id }) => !isWanted.has(id) && isMissed(turn, id));
  const instances = [...wanted.instances, ...missed];
  const stays = new Set(instances.map(({ id }) => id));
  const gone = before.instances.filter(({ id }) => !stays.has(id));
  const come = instances.filter(({ id }) => known[id] === undefined);
  for (const { id } of gone) {
    const member = known[id];
    if (member) closeIncident(turn, member, "the instance is gone");
    audit(turn, "instance.go", id, "not in the plan any more");
  }
  setState(turn, {
    // The class of a running service stays: leases would be held that nobody counts.
    plan: { ...wanted, service: before.service, class: before.class, instances },
    members: Object.fromEntries(instances.map(({ id }) => [id, turn.state.members[id] ?? newMember(id)])),
    awaited: Object.fromEntries(
      Object.entries(turn.state.awaited).filter(([, { instance }]) => stays.has(instance)),
    ),
  });
  // What is only observed is not written either: the store belongs to somebody else.
  if (come.length + gone.length > 0 && !turn.state.observeOnly) rememberOnly(turn, instances);
  for (const { id } of come) audit(turn, "instance.come", id, "in the plan from now on");
}

function isMissed({ state: { plan, durable } }: Turn, id: string): boolean {
  return plan.class === "exclusive" && (durable.roles[id] === "active" || durable.promotion?.from === id);
}

function rememberOnly(turn: Turn, instances: readonly InstancePlan[]): void {
  const { durable, plan } = turn.state;
  const first = ({ role }: InstancePlan) => (plan.class === "exclusive" ? "standby" : role);
  const roles = instances.map(
    (one) => [one.id, one.shadow ? one.role : (durable.roles[one.id] ?? first(one))] as const,
  );
  const stays = new Set(instances.map(({ id }) => id));
  const spent = Object.entries(durable.spent).filter(([key]) => stays.has(key.slice(key.indexOf(":") + 1)));
  const operations = Object.entries(durable.operations).map(([id, operation]) =>
    operation.endedAt === null && !stays.has(operation.instance)
      ? [id, { ...operation, state: "failed", code: "not-found", detail: "gone", endedAt: turn.wallMs }]
      : [id, operation],
  );
  setDurable(turn, {
    roles: Object.fromEntries(roles),
    spent: Object.fromEntries(spent),
    operations: Object.fromEntries(operations),
  });
}
