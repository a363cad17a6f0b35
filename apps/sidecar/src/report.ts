import type { Digest, Report } from "@locum/contracts";
import type { DriveState, Fitness } from "./drive.ts";

/** What the report needs besides the state of the drive. */
export type Surroundings = {
  restorable: readonly Digest[];
  quietMs: number;
  canRestart: boolean;
  inflight: number;
  requestsPerSecond: number;
  capacityPerSecond: number;
  p99Ms: number;
  tap: string | null;
  control: string | null;
};

/** JSON has no infinity: files that were never written are a day quiet. */
const quietMsMax = 86_400_000;

export function reportOf(state: DriveState, fitness: Fitness, around: Surroundings): Report {
  const { health, holder, policy, divert } = state;
  return {
    role: holder.role,
    term: holder.term,
    epoch: holder.epoch,
    verdict: health.verdict,
    goldens: fitness.goldens,
    provenAgeMs: fitness.provenAgeMs,
    bytes: health.bytes.state,
    tree: health.bytes.tree,
    release: fitness.release,
    owner: health.bytes.release,
    restorable: around.restorable.slice(0, 16),
    quietMs: Math.min(quietMsMax, Math.max(0, around.quietMs)),
    fit: fitness.fit,
    diverted: divert.diverted,
    canRestart: around.canRestart,
    inflight: around.inflight,
    requestsPerSecond: around.requestsPerSecond,
    capacityPerSecond: around.capacityPerSecond,
    p99Ms: around.p99Ms,
    tap: around.tap,
    control: around.control,
    policy: policy?.number ?? 0,
  };
}

/** What is pushed at once when it changes; figures that always move wait for the heartbeat. */
export function newsOf(report: Report): string {
  const { role, epoch, verdict, goldens, bytes, tree, release, owner } = report;
  const { restorable, fit, diverted, tap, control } = report;
  const failure = "failure" in verdict ? verdict.failure : "";
  return JSON.stringify([
    [role, epoch, verdict.kind, failure, goldens, bytes, tree, release, owner],
    [restorable, fit, diverted, tap, control],
  ]);
}
