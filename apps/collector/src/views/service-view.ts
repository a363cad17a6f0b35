import type { ServiceConfig } from "@locum/contracts";
import type { ServiceView } from "@locum/contracts/client";
import type { ServiceState } from "@locum/coordination";

/** A service at a glance, out of the state that decisions are made from. */
export function serviceView(
  { class: poolClass, posture, failover }: ServiceConfig,
  state: ServiceState,
): ServiceView {
  const { durable, plan } = state;
  // What a shadow goes through is no state of the service.
  const serving = plan.instances.filter(({ shadow }) => !shadow);
  const members = serving.flatMap(({ id }) => state.members[id] ?? []);
  const active = members.filter(({ id }) => durable.roles[id] === "active");
  const isFit = (member: (typeof members)[number]): boolean =>
    member.report?.fit === true && member.connected && !member.silent && !member.contested;
  const incidents = Object.keys(state.incidents).filter((id) => state.incidents[id]?.closedAtMs === null);
  const heard = active.some(({ report }) => report !== null);
  const served = active.some(isFit);
  const open = incidents.filter((id) => serving.some((one) => one.id === state.incidents[id]?.instance));
  const whole = served && members.every(isFit) && open.length === 0;
  return {
    service: plan.service,
    class: poolClass,
    posture,
    mode: failover.mode,
    state: !heard ? "unknown" : !served ? "failed" : whole ? "healthy" : "degraded",
    term: durable.term,
    epoch: durable.epoch,
    active: active.map(({ id }) => id),
    fit: members.filter(isFit).map(({ id }) => id),
    instances: members.length,
    connected: members.filter(({ connected }) => connected).length,
    pausedUntilMs: durable.pausedUntil,
    frozen: durable.frozen,
    observeOnly: state.observeOnly,
    massSilence: state.massSilence,
    promoting: durable.promotion?.to ?? null,
    incidents,
  };
}
