import type { InstanceView, PodsView, ServiceView } from "@locum/contracts";
import { spanText } from "../span-text.ts";
import type { CheckLine } from "./check-groups.ts";

export type CollectorSeen = {
  services: ServiceView[];
  instances: InstanceView[];
  pods: PodsView["pods"];
  lastDrillMs: number | null;
};

const drillDaysMax = 30;
const shownMax = 10;

/** Groups snapshots, standby and drill-age: what only the collector knows. */
export function checkCollector(seen: CollectorSeen, nowMs: number): CheckLine[] {
  return [snapshotLine(seen), standbyLine(seen), drillLine(seen, nowMs)];
}

function snapshotLine({ instances }: CollectorSeen): CheckLine {
  const group = "snapshots";
  const judged = instances.filter(({ report }) => report && report.bytes !== "unknown");
  const none = judged.filter(({ report }) => report?.restorable.length === 0);
  if (judged.length === 0)
    return {
      group,
      level: "note",
      what: "no instance has a model folder that is looked at",
      evidence: [`${instances.length} instances`],
    };
  return none.length === 0
    ? {
        group,
        level: "ok",
        what: "every model folder can be restored",
        evidence: [`${judged.length} instances`],
      }
    : {
        group,
        level: "note",
        what: "there is nothing verified to restore from",
        evidence: none.map(({ service, instance }) => `${service}/${instance}`).slice(0, shownMax),
      };
}

function standbyLine({ services }: CollectorSeen): CheckLine {
  const group = "standby";
  if (services.length === 0)
    return {
      group,
      level: "note",
      what: "the collector knows no service yet",
      evidence: ["/v1/services is empty"],
    };
  const alone = services.flatMap(({ service, fit, active, instances, class: poolClass }) => {
    const others = poolClass === "exclusive" ? fit.filter((id) => !active.includes(id)) : fit.slice(1);
    return others.length > 0 ? [] : [`${service}: ${fit.length} of ${instances} fit`];
  });
  return alone.length === 0
    ? {
        group,
        level: "ok",
        what: "every service has somebody who can stand in",
        evidence: [`${services.length} services`],
      }
    : { group, level: "bad", what: "nobody can stand in", evidence: alone.slice(0, shownMax) };
}

function drillLine({ lastDrillMs }: CollectorSeen, nowMs: number): CheckLine {
  const group = "drill-age";
  if (lastDrillMs === null)
    return {
      group,
      level: "note",
      what: "no drill was run yet",
      evidence: ["no drill.result in the audit log"],
    };
  const ageMs = nowMs - lastDrillMs;
  const evidence = [`the last one ${spanText(ageMs)} ago`];
  return ageMs > drillDaysMax * 86_400_000
    ? { group, level: "note", what: `no drill within ${drillDaysMax} days`, evidence }
    : { group, level: "ok", what: "the failover was drilled lately", evidence };
}

/** Neighbouring minor versions work together. */
export function checkSkew(versions: readonly { who: string; version: string }[], own: string): CheckLine[] {
  const group = "version-skew";
  const far = versions.filter(({ version }) => !areNeighbours(version, own));
  const distinct = [...new Set(versions.map(({ version }) => version))].sort();
  return [
    far.length === 0
      ? {
          group,
          level: "ok",
          what: "all versions are neighbours",
          evidence: [[own, ...distinct.filter((one) => one !== own)].join(", ")],
        }
      : {
          group,
          level: "bad",
          what: `versions that do not work with ${own}`,
          evidence: far.map(({ who, version }) => `${who} ${version}`).slice(0, shownMax),
        },
  ];
}

function areNeighbours(one: string, other: string): boolean {
  const parse = (version: string) => /^(\d{1,6})\.(\d{1,6})\./.exec(version)?.slice(1).map(Number);
  const [a, b] = [parse(one), parse(other)];
  if (!a || !b) return one === other;
  return a[0] === b[0] && Math.abs((a[1] ?? 0) - (b[1] ?? 0)) <= 1;
}
