/** What the pace of goldens depends on. */
export type PaceView = {
  /** Goldens of a full round. */
  count: number;
  traffic: boolean;
  verdict: "unknown" | "healthy" | "suspect" | "failed";
  /** A golden missed that is not explained yet, or the files belong to no approved release. */
  suspicion: boolean;
  /** A request passes whose stream the server would cut for any other one. */
  yields: boolean;
  /** Full rounds since it failed, without one that passed. */
  failedRounds: number;
  capacityPerSecond: number;
  /** Typical time of one golden; 0 while not known. */
  goldenMs: number;
};

export type PacePolicy = {
  underTrafficMs: number;
  idleRoundMs: number;
  capacityShareMax: number;
  fitnessMaxAgeMs: number;
  costPerDayMax?: number | undefined;
};

/** `single`: the next golden of the rotation. `round`: all of them at once. */
export type Pace = { kind: "single" | "round"; everyMs: number };

const dayMs = 86_400_000;
const failedFirstMs = 300;
const failedMostMs = 2000;
const suspicionLeastMs = 250;
const suspicionMostMs = 1000;

/**
 * How often goldens are asked. Suspicion and failure ask for whole rounds; else one after the other, so that a round
 * fits into the idle time, and into half the age that makes an instance unfit: a proof that ends before the next one
 * is worth nothing. Under traffic the share of capacity bounds the rest.
 */
export function paceOf(view: PaceView, policy: PacePolicy): Pace {
  const count = Math.max(1, view.count);
  const costMs = policy.costPerDayMax === undefined ? 0 : dayMs / policy.costPerDayMax;
  if (view.verdict === "failed") {
    const backoffMs = Math.min(failedMostMs, failedFirstMs * 2 ** Math.min(view.failedRounds, 10));
    return { kind: "round", everyMs: Math.max(backoffMs, costMs * count) };
  }
  // Until the first proof, and while anything speaks against it, the next second matters more than the load.
  if (view.suspicion || view.verdict === "suspect" || view.verdict === "unknown")
    return { kind: "round", everyMs: Math.max(suspicionMs(view.goldenMs * count), costMs * count) };
  const provenMs = policy.fitnessMaxAgeMs / 2 / count;
  const wantedMs = view.traffic
    ? Math.max(policy.underTrafficMs, shareMs(view, policy))
    : policy.idleRoundMs / count;
  const everyMs = Math.max(Math.min(wantedMs, provenMs), costMs);
  // A client's answer is worth more than the next proof, but not more than to know within a round's time.
  return { kind: "single", everyMs: view.yields ? Math.max(everyMs, policy.idleRoundMs) : everyMs };
}

/** A quick model is asked more often, so that a wrong load is seen in a moment; a slow one gives a tenth of its time. */
const suspicionMs = (roundMs: number): number =>
  Math.min(suspicionMostMs, Math.max(suspicionLeastMs, 10 * roundMs));

/** Time between goldens that keeps them within their share. Where capacity was never reached, one at a time is the least it is. */
function shareMs({ capacityPerSecond, goldenMs }: PaceView, { capacityShareMax }: PacePolicy): number {
  const leastPerSecond = goldenMs > 0 ? 1000 / goldenMs : 0;
  const perSecond = Math.max(capacityPerSecond, leastPerSecond) * capacityShareMax;
  return perSecond > 0 ? 1000 / perSecond : 0;
}
