import type { Digest, GoldenState } from "@locum/contracts";
import { goldenState, provenAtMs } from "./golden-tally.ts";
import type { AnswerHealth, Health, JudgePolicy } from "./health.ts";
import { isSeveral } from "./model-set.ts";

/** What goldens and bytes prove now. `fit` is the licence to take traffic from another one. */
export type ModelFitness = {
  goldens: GoldenState;
  provenAgeMs: number | null;
  release: Digest | null;
  fit: boolean;
};
/** `models`: each by itself, where the server has several; `fit` then means fit for all of them. */
export type Fitness = ModelFitness & { models: Record<string, ModelFitness> };

export function fitnessOf(health: Health, atMs: number, policy: JudgePolicy): Fitness {
  const proof = proofOf(health, atMs, policy);
  const healthy = health.verdict.kind === "healthy" && atMs >= health.maintenanceUntilMs;
  const rightBytes = health.bytes.state !== "unapproved";
  if (!isSeveral(health)) return { ...shown(proof), fit: healthy && proof.fresh && rightBytes, models: {} };
  const models: Record<string, ModelFitness> = {};
  const proofs: Proof[] = [];
  for (const [name, model] of Object.entries(health.models)) {
    const own = proofOf(model, atMs, policy);
    proofs.push(own);
    // Files that are nobody's may be another model's: an answer that was proven since is right all the same.
    const loaded = rightBytes || (own.provenAtMs !== null && own.provenAtMs > health.bytes.sinceMs);
    const right = model.verdict.kind === "healthy" && atMs >= model.maintenanceUntilMs;
    models[name] = { ...shown(own), fit: healthy && right && own.fresh && loaded };
  }
  const all = together(proofs);
  const fit = rightBytes && Object.values(models).every((model) => model.fit);
  return { goldens: all.goldens, provenAgeMs: all.provenAgeMs, release: proof.release, fit, models };
}

type Proof = Omit<ModelFitness, "fit"> & { provenAtMs: number | null; fresh: boolean };

function proofOf({ goldens }: AnswerHealth, atMs: number, { fitnessMaxAgeMs }: JudgePolicy): Proof {
  const state = goldenState(goldens);
  const provenAt = provenAtMs(goldens);
  const provenAgeMs = provenAt === null ? null : Math.max(0, atMs - provenAt);
  // A service without goldens has nothing to prove by: being up has to do, and the report says `none`.
  const fresh =
    state === "none"
      ? true
      : state === "proven" && (provenAgeMs ?? Number.POSITIVE_INFINITY) <= fitnessMaxAgeMs;
  return { goldens: state, provenAgeMs, release: goldens.current, provenAtMs: provenAt, fresh };
}

const shown = ({ goldens, provenAgeMs, release }: Proof) => ({ goldens, provenAgeMs, release });

/** The worst of them, and the oldest: together they are proven as long ago as the one that waits longest. */
function together(proofs: readonly Proof[]): Pick<Proof, "goldens" | "provenAgeMs"> {
  const worst = (["failed", "partial", "proven"] as const).find((state) =>
    proofs.some(({ goldens }) => goldens === state),
  );
  const ages = proofs.filter(({ goldens }) => goldens !== "none").map(({ provenAgeMs }) => provenAgeMs);
  const provenAgeMs = ages.reduce<number | null>(
    (oldest, age) => (oldest === null || age === null ? null : Math.max(oldest, age)),
    ages.length > 0 ? 0 : null,
  );
  return { goldens: worst ?? "none", provenAgeMs };
}
