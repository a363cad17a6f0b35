import type { Digest, ModelReport, Report, Verdict } from "@locum/contracts";
import type { Fitness } from "@locum/coordination";
import type { DriveState } from "./drive.ts";

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
  /** Asked and judged, and never given traffic. */
  shadow: boolean;
};

/** A report holds so many models, each with so much evidence: the frame that carries it has its limit. */
const modelsMax = 256;
const modelEvidenceMax = 4;

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
    fit: fitness.fit && !around.shadow,
    diverted: divert.diverted,
    canRestart: around.canRestart,
    inflight: around.inflight,
    requestsPerSecond: around.requestsPerSecond,
    capacityPerSecond: around.capacityPerSecond,
    p99Ms: around.p99Ms,
    tap: around.tap,
    control: around.control,
    policy: policy?.number ?? 0,
    ...modelsOf(state, fitness, around),
  };
}

/** Nothing where the server has one model: it is that model. */
function modelsOf(
  { health, modelDiverts }: DriveState,
  { models }: Fitness,
  { shadow }: Surroundings,
): Pick<Report, "models"> {
  const known = Object.entries(health.models).slice(0, modelsMax);
  if (known.length === 0) return {};
  const reports = known.map(([name, { verdict }]): [string, ModelReport] => {
    const { goldens = "partial", provenAgeMs = null, release = null, fit = false } = models[name] ?? {};
    const diverted = modelDiverts[name]?.diverted === true;
    return [
      name,
      { verdict: shortened(verdict), goldens, provenAgeMs, release, fit: fit && !shadow, diverted },
    ];
  });
  return { models: Object.fromEntries(reports) };
}

const shortened = (verdict: Verdict): Verdict => ({
  ...verdict,
  evidence: verdict.evidence.slice(0, modelEvidenceMax),
});

/** What is pushed at once when it changes; figures that always move wait for the heartbeat. */
export function newsOf(report: Report): string {
  const { role, epoch, verdict, goldens, bytes, tree, release, owner } = report;
  const { restorable, fit, diverted, tap, control, models = {} } = report;
  const failure = "failure" in verdict ? verdict.failure : "";
  return JSON.stringify([
    [role, epoch, verdict.kind, failure, goldens, bytes, tree, release, owner],
    [restorable, fit, diverted, tap, control],
    Object.entries(models).map(([name, one]) => [
      name,
      one.verdict.kind,
      "failure" in one.verdict ? one.verdict.failure : "",
      [one.goldens, one.release, one.fit, one.diverted],
    ]),
  ]);
}
