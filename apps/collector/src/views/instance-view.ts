import { Fault } from "@locum/contracts";
import type { InstanceView } from "@locum/contracts/client";
import type { Member, ServiceState } from "@locum/coordination";

/** @throws Fault not-found */
export function instanceView(state: ServiceState, id: string, nowMs: number): InstanceView {
  const member = state.members[id];
  if (!member) throw new Fault("not-found", `no instance ${state.plan.service}/${id} is configured here`);
  return {
    service: state.plan.service,
    instance: id,
    role: state.durable.roles[id] ?? "standby",
    shadow: state.plan.instances.some((instance) => instance.id === id && instance.shadow === true),
    connected: member.connected,
    contested: member.contested,
    silent: member.silent,
    incarnation: member.incarnation,
    ageMs: since(member.heardAtMs, nowMs),
    healthyForMs: since(member.healthySinceMs, nowMs),
    incident: member.incident,
    report: member.report,
  };
}

const since = (atMs: number | null, nowMs: number): number | null =>
  atMs === null ? null : Math.max(0, Math.round(nowMs - atMs));

/** What a watcher wants to hear of at once. Figures that always move are left to those who ask. */
export function isNews(before: Member | undefined, after: Member): boolean {
  const telling = ({ report, connected, silent, contested }: Member) =>
    JSON.stringify([
      connected,
      silent,
      contested,
      report && [
        report.role,
        report.epoch,
        report.verdict.kind,
        report.goldens,
        report.bytes,
        report.tree,
        report.release,
        report.restorable,
        report.fit,
        report.diverted,
        Object.entries(report.models ?? {}).map(([name, { verdict, goldens, fit, diverted, release }]) => [
          name,
          verdict.kind,
          [goldens, fit, diverted, release],
        ]),
      ],
    ]);
  return before === undefined || (before !== after && telling(before) !== telling(after));
}
