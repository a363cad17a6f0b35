import type { BytesState, Digest, Evidence, Failure, Probe, Verdict } from "@locum/contracts";
import { type Ask, asksAfter } from "./asks.ts";
import { confirm, type Sign } from "./confirm.ts";
import {
  emptyTally,
  forgetPasses,
  forgetSilences,
  type GoldenTally,
  goldenState,
  provenAtMs,
  recordAnswer,
  setApproved,
} from "./golden-tally.ts";
import { outputWindowMs, signsOf } from "./signs.ts";

export type JudgePolicy = {
  /** L3: no progress for less than the floor is never a hang; for more than the ceiling always is suspect. */
  divertFloorMs: number;
  divertCeilingMs: number;
  fitnessMaxAgeMs: number;
};

export type Health = {
  gone: { atMs: number; detail: string } | null;
  liveMisses: number;
  liveDetail: string;
  progress: { completed: number; movedAtMs: number; workedAtMs: number; stalledMs: number; limitMs: number };
  goldens: GoldenTally;
  notFinite: { atMs: number; golden: string } | null;
  bytes: { state: BytesState; tree: Digest | null; release: Digest | null; detail: string };
  configurationMatches: readonly Digest[] | null;
  /** Findings in real answers, the latest few seconds only. */
  outputs: Extract<Probe, { kind: "output" }>[];
  hardware: string | null;
  maintenanceUntilMs: number;
  /** Latched until the instance is proven again: a failed instance does not become healthy by falling silent. */
  failed: { failure: Failure; hard: boolean; evidence: Evidence[]; atMs: number } | null;
  verdict: Verdict;
};

const outputsMax = 64;
/** L3: a wait of this many p99s is out of the instance's own character (research on hung engines: 8 x p99). */
const patience = 8;

export function startHealth(atMs: number): Health {
  return {
    gone: null,
    liveMisses: 0,
    liveDetail: "",
    progress: {
      completed: 0,
      movedAtMs: atMs,
      workedAtMs: Number.NEGATIVE_INFINITY,
      stalledMs: 0,
      limitMs: 0,
    },
    goldens: emptyTally,
    notFinite: null,
    bytes: { state: "unknown", tree: null, release: null, detail: "" },
    configurationMatches: null,
    outputs: [],
    hardware: null,
    maintenanceUntilMs: 0,
    failed: null,
    verdict: { kind: "unknown", evidence: [] },
  };
}

/** One probe in, the new judgement and what to ask next out. Pure: the same probes give the same verdicts. */
export function judge(health: Health, probe: Probe, policy: JudgePolicy): { health: Health; asks: Ask[] } {
  const seen = observe(health, probe, policy);
  const signs = probe.atMs < seen.maintenanceUntilMs ? [] : signsOf(seen, probe.atMs);
  const finding = confirm(signs);
  const failed = latch(seen, finding, probe.atMs);
  const verdict = verdictOf(seen, failed, signs, finding);
  const next = { ...seen, failed, verdict };
  return { health: next, asks: asksAfter(health, next, probe) };
}

/** What the goldens and bytes prove of this instance now. `fit` is the licence to take traffic from another one. */
export function fitnessOf(health: Health, atMs: number, { fitnessMaxAgeMs }: JudgePolicy) {
  const goldens = goldenState(health.goldens);
  const provenAt = provenAtMs(health.goldens);
  const provenAgeMs = provenAt === null ? null : Math.max(0, atMs - provenAt);
  // A service without goldens has nothing to prove by: being up has to do, and the report says `none`.
  const proven =
    goldens === "none"
      ? true
      : goldens === "proven" && (provenAgeMs ?? Number.POSITIVE_INFINITY) <= fitnessMaxAgeMs;
  const fit =
    health.verdict.kind === "healthy" &&
    proven &&
    health.bytes.state !== "unapproved" &&
    atMs >= health.maintenanceUntilMs;
  return { goldens, provenAgeMs, release: health.goldens.current, fit };
}

function observe(health: Health, probe: Probe, policy: JudgePolicy): Health {
  switch (probe.kind) {
    case "process":
      if (probe.alive)
        return health.gone
          ? { ...health, gone: null, goldens: forgetPasses(health.goldens), notFinite: null }
          : health;
      return probe.again ? { ...health, gone: { atMs: probe.atMs, detail: probe.detail } } : health;
    case "live":
      return { ...health, liveMisses: probe.ok ? 0 : health.liveMisses + 1, liveDetail: probe.detail };
    case "ready":
      return health; // A hint for people: a wrong model is ready, and a busy one may say that it is not.
    case "progress":
      return observeProgress(health, probe, policy);
    case "golden": {
      const goldens = recordAnswer(health.goldens, probe);
      return { ...health, goldens, notFinite: notFiniteAfter(health.notFinite, probe, goldens) };
    }
    case "output":
      return {
        ...health,
        outputs: [...health.outputs.filter(({ atMs }) => probe.atMs - atMs < outputWindowMs), probe].slice(
          -outputsMax,
        ),
      };
    case "hardware":
      return { ...health, hardware: probe.ok ? null : probe.detail };
    case "bytes":
      return {
        ...health,
        bytes: { state: probe.state, tree: probe.tree, release: probe.release, detail: probe.detail },
      };
    case "configuration":
      return { ...health, configurationMatches: probe.matches };
    case "releases":
      return { ...health, goldens: setApproved(health.goldens, probe.approved) };
    case "maintenance":
      return {
        ...health,
        maintenanceUntilMs: probe.untilMs,
        goldens: forgetPasses(health.goldens),
        notFinite: null,
        outputs: [],
        liveMisses: 0,
        progress: { ...health.progress, movedAtMs: probe.untilMs, stalledMs: 0 },
      };
  }
}

function notFiniteAfter(
  known: Health["notFinite"],
  probe: Extract<Probe, { kind: "golden" }>,
  goldens: GoldenTally,
): Health["notFinite"] {
  if (probe.outcome === "not-finite") return { atMs: probe.atMs, golden: probe.golden };
  // Another release may answer rightly now, and never be asked that golden.
  const provenAt = provenAtMs(goldens);
  if (known && provenAt !== null && provenAt > known.atMs) return null;
  return known?.golden === probe.golden && probe.outcome === "answered" ? null : known;
}

function observeProgress(
  health: Health,
  probe: Extract<Probe, { kind: "progress" }>,
  policy: JudgePolicy,
): Health {
  const moved = probe.completed > health.progress.completed || probe.inflight === 0;
  const movedAtMs = moved ? Math.max(probe.atMs, health.maintenanceUntilMs) : health.progress.movedAtMs;
  const limitMs = Math.min(policy.divertCeilingMs, Math.max(policy.divertFloorMs, patience * probe.p99Ms));
  // The oldest request counts too: a server that was idle until now has not been still for longer than that.
  const stillMs = moved ? 0 : Math.min(probe.atMs - movedAtMs, probe.waitingMs);
  const worked = probe.completed > health.progress.completed;
  return {
    ...health,
    liveMisses: worked ? 0 : health.liveMisses,
    goldens: worked ? forgetSilences(health.goldens) : health.goldens,
    progress: {
      completed: probe.completed,
      movedAtMs,
      limitMs,
      workedAtMs: worked ? probe.atMs : health.progress.workedAtMs,
      stalledMs: stillMs >= limitMs ? stillMs : 0,
    },
  };
}

/** A failure holds until the opposite is proven: the process back and every golden passed since. */
function latch(health: Health, finding: ReturnType<typeof confirm>, atMs: number): Health["failed"] {
  if (finding) {
    const atOnce = health.failed?.failure === finding.failure ? health.failed.atMs : atMs;
    return { failure: finding.failure, hard: finding.hard, evidence: finding.evidence, atMs: atOnce };
  }
  if (!health.failed) return null;
  const provenAt = provenAtMs(health.goldens);
  const noGoldens = goldenState(health.goldens) === "none";
  const proven = noGoldens
    ? health.liveMisses === 0 && health.gone === null
    : provenAt !== null && provenAt > health.failed.atMs;
  return proven ? null : health.failed;
}

function verdictOf(
  health: Health,
  failed: Health["failed"],
  signs: Sign[],
  finding: ReturnType<typeof confirm>,
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
  const state = goldenState(health.goldens);
  const known = state === "proven" || state === "none" || health.verdict.kind === "healthy";
  return known ? { kind: "healthy", evidence: evidence.slice(0, 16) } : { kind: "unknown", evidence };
}
