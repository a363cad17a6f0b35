import type { Probe, Verdict } from "@locum/contracts";
import { type Ask, asksAfter } from "./asks.ts";
import { confirm, type Sign } from "./confirm.ts";
import { goldenState, provenAtMs } from "./golden-tally.ts";
import type { AnswerHealth, Health, JudgePolicy } from "./health.ts";
import { isSeveral, mapModels } from "./model-set.ts";
import { observe } from "./observe.ts";
import { modelSigns, serverSigns, signsOf } from "./signs.ts";

type Finding = ReturnType<typeof confirm>;

/** One probe in, the new judgement and what to ask next out. Pure: the same probes give the same verdicts. */
export function judge(health: Health, probe: Probe, policy: JudgePolicy): { health: Health; asks: Ask[] } {
  const seen = observe(health, probe, policy);
  const next = isSeveral(seen) ? judgeSeveral(seen, probe) : judgeOne(seen, probe.atMs);
  return { health: next, asks: asksAfter(health, next, probe) };
}

/** A server with one model is that model: what speaks against either speaks against both. */
function judgeOne(health: Health, atMs: number): Health {
  const signs = atMs < health.maintenanceUntilMs ? [] : signsOf(health, atMs);
  const isUp = health.liveMisses === 0 && health.gone === null;
  return { ...health, ...conclude(health, signs, atMs, (since) => isProvenSince(health, since, isUp)) };
}

/**
 * Goldens, outputs and configuration belong to a model; the process, its progress and its machine to the server. The
 * server has failed where its own evidence says so, or where no model of it is left that has not.
 */
function judgeSeveral(seen: Health, { atMs, kind, ...probe }: Probe): Health {
  const only = kind === "golden" && "model" in probe && probe.model !== undefined ? [probe.model] : null;
  const health = mapModels(seen, only, (model, name) => {
    const signs = atMs < model.maintenanceUntilMs ? [] : modelSigns(name, seen, atMs);
    return { ...model, ...conclude(model, signs, atMs, (since) => isProvenSince(model, since, true)) };
  });
  const signs = atMs < health.maintenanceUntilMs ? [] : serverSigns(health, atMs);
  const own = conclude(health, signs, atMs, (since) => isWholeAgain(health, since));
  return { ...health, ...own, verdict: own.failed ? own.verdict : sharedVerdict(health, own.verdict) };
}

/** Failed by its models alone only where all of them are; healthy as soon as one of them is. */
function sharedVerdict({ models }: Health, own: Verdict): Verdict {
  const verdicts = Object.entries(models).map(([name, { verdict }]) => ({ name, verdict }));
  const failed = verdicts.flatMap(({ name, verdict }) =>
    verdict.kind === "failed" ? { name, verdict } : [],
  );
  const [first] = failed;
  if (first && failed.length === verdicts.length)
    return {
      kind: "failed",
      failure: first.verdict.failure,
      hard: failed.every(({ verdict }) => verdict.hard),
      evidence: failed
        .flatMap(({ name, verdict }) =>
          verdict.evidence
            .slice(0, 4)
            .map((line) => ({ ...line, detail: `${name}: ${line.detail}`.slice(0, 500) })),
        )
        .slice(0, 16),
    };
  const knowsOne = verdicts.some(({ verdict }) => verdict.kind === "healthy");
  return own.kind === "unknown" && knowsOne ? { kind: "healthy", evidence: own.evidence } : own;
}

/** Every model is proven since, but for those that have failed by themselves: they must not hold the others down. */
function isWholeAgain({ models }: Health, sinceMs: number): boolean {
  const parts = Object.values(models);
  const proven = parts.filter((model) => isProvenSince(model, sinceMs, true));
  return proven.length > 0 && parts.every((model) => proven.includes(model) || model.failed !== null);
}

function isProvenSince({ goldens }: AnswerHealth, sinceMs: number, isUp: boolean): boolean {
  if (goldenState(goldens) === "none") return isUp;
  const provenAt = provenAtMs(goldens);
  return provenAt !== null && provenAt > sinceMs;
}

/** A failure holds until the opposite is proven: the process back and every golden passed since. */
function conclude(
  part: AnswerHealth,
  signs: Sign[],
  atMs: number,
  isProven: (sinceMs: number) => boolean,
): Pick<AnswerHealth, "failed" | "verdict"> {
  const finding = confirm(signs);
  const failed = finding
    ? { ...finding, atMs: part.failed?.failure === finding.failure ? part.failed.atMs : atMs }
    : part.failed && !isProven(part.failed.atMs)
      ? part.failed
      : null;
  return { failed, verdict: verdictOf(part, failed, signs, finding) };
}

function verdictOf(
  part: AnswerHealth,
  failed: AnswerHealth["failed"],
  signs: Sign[],
  finding: Finding,
): Verdict {
  const evidence = signs.map(({ rung, atMs, detail }) => ({ rung, atMs, detail: detail.slice(0, 500) }));
  if (failed)
    return {
      kind: "failed",
      failure: failed.failure,
      hard: failed.hard,
      evidence: finding ? evidence.slice(0, 16) : failed.evidence,
    };
  // Wrong bytes alone are latent: the loaded copy is still right, so nothing of the service is suspect.
  const sign = signs.find(({ rung }) => rung !== "bytes");
  if (sign) return { kind: "suspect", failure: sign.failure, evidence: evidence.slice(0, 16) };
  const state = goldenState(part.goldens);
  const known = state === "proven" || state === "none" || part.verdict.kind === "healthy";
  return known ? { kind: "healthy", evidence: evidence.slice(0, 16) } : { kind: "unknown", evidence };
}
