import type { BytesState, Digest, Evidence, Failure, Probe, Verdict } from "@locum/contracts";
import { emptyTally, type GoldenTally } from "./golden-tally.ts";

type OutputProbe = Extract<Probe, { kind: "output" }>;

export type JudgePolicy = {
  /** L3: no progress for less than the floor is never a hang; for more than the ceiling always is suspect. */
  divertFloorMs: number;
  divertCeilingMs: number;
  fitnessMaxAgeMs: number;
};

export type Progress = {
  completed: number;
  movedAtMs: number;
  workedAtMs: number;
  stalledMs: number;
  limitMs: number;
};

/** What is judged by answers: a whole server with one model, or one model of several. */
export type AnswerHealth = {
  goldens: GoldenTally;
  notFinite: { atMs: number; golden: string } | null;
  configurationMatches: readonly Digest[] | null;
  /** Findings in real answers, the latest few seconds only. */
  outputs: OutputProbe[];
  /** Of one model only where the tap counts its requests apart; else it never moves and says nothing. */
  progress: Progress;
  /** Of one model of several: since when its neighbours answer while it is silent. */
  aloneSinceMs: number | null;
  maintenanceUntilMs: number;
  /** Latched until the opposite is proven: what failed does not become healthy by falling silent. */
  failed: { failure: Failure; hard: boolean; evidence: Evidence[]; atMs: number } | null;
  verdict: Verdict;
};

export type Health = AnswerHealth & {
  gone: { atMs: number; detail: string } | null;
  liveMisses: number;
  liveDetail: string;
  bytes: { state: BytesState; tree: Digest | null; release: Digest | null; detail: string; sinceMs: number };
  hardware: string | null;
  /**
   * Each model by itself where goldens prove several; empty where they prove one, for then the server is that model.
   * `goldens` above go on holding the whole set: it says which release the server answers as.
   */
  models: Readonly<Record<string, AnswerHealth>>;
};

export function startHealth(atMs: number): Health {
  return {
    ...startAnswers(emptyTally, atMs),
    gone: null,
    liveMisses: 0,
    liveDetail: "",
    bytes: { state: "unknown", tree: null, release: null, detail: "", sinceMs: atMs },
    hardware: null,
    models: {},
  };
}

export const startAnswers = (goldens: GoldenTally, atMs: number): AnswerHealth => ({
  goldens,
  notFinite: null,
  configurationMatches: null,
  outputs: [],
  progress: {
    completed: 0,
    movedAtMs: atMs,
    workedAtMs: Number.NEGATIVE_INFINITY,
    stalledMs: 0,
    limitMs: 0,
  },
  aloneSinceMs: null,
  maintenanceUntilMs: 0,
  failed: null,
  verdict: { kind: "unknown", evidence: [] },
});
