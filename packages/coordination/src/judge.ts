import type { BytesState, Digest, Evidence, Failure, Probe, Verdict } from "@locum/contracts";
import { confirm, type Sign } from "./confirm.ts";
import {
  confirmedErrors,
  confirmedSilent,
  confirmedWrong,
  emptyTally,
  forgetPasses,
  forgetSilences,
  type GoldenTally,
  goldenState,
  provenAtMs,
  recordAnswer,
  setApproved,
  silentOnce,
} from "./golden-tally.ts";

export type JudgePolicy = {
  /** L3: no progress for less than the floor is never a hang; for more than the ceiling always is suspect. */
  divertFloorMs: number;
  divertCeilingMs: number;
  fitnessMaxAgeMs: number;
};

/** What should be asked at once, because of what was just seen. The caller performs it; answers return as probes. */
export type Ask =
  | { kind: "process" }
  | { kind: "live" }
  | { kind: "golden"; id: string }
  | { kind: "another-golden"; not: string }
  | { kind: "all-goldens" };

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

const outputWindowMs = 10_000;
const outputsMax = 64;
/** L1 misses in a row before a server that says nothing of itself counts as evidence. */
const liveMissesMax = 3;
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
    case "golden":
      return {
        ...health,
        goldens: recordAnswer(health.goldens, probe),
        notFinite: notFiniteAfter(health.notFinite, probe),
      };
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
): Health["notFinite"] {
  if (probe.outcome === "not-finite") return { atMs: probe.atMs, golden: probe.golden };
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

function signsOf(health: Health, atMs: number): Sign[] {
  const signs: Sign[] = [];
  const add = (rung: Evidence["rung"], failure: Failure, hard: boolean, detail: string) =>
    signs.push({ rung, failure, hard, detail, atMs });
  if (health.gone) add("process", "process-gone", true, health.gone.detail);
  if (health.liveMisses >= liveMissesMax)
    add("live", "hung", false, `${health.liveMisses} liveness probes failed: ${health.liveDetail}`);
  const { stalledMs, limitMs } = health.progress;
  if (stalledMs > 0)
    add(
      "progress",
      "hung",
      false,
      `nothing finished for ${Math.round(stalledMs)} ms (limit ${Math.round(limitMs)} ms)`,
    );
  goldenSigns(health, add);
  const recent = health.outputs.filter((output) => atMs - output.atMs < outputWindowMs);
  outputSigns(recent, add);
  if (health.hardware !== null) add("hardware", "hardware", false, health.hardware);
  if (health.bytes.state === "unapproved") add("bytes", "wrong-output", false, health.bytes.detail);
  if (health.configurationMatches?.length === 0)
    add("configuration", "wrong-output", false, "the served metadata belongs to no approved release");
  return signs;
}

type AddSign = (rung: Evidence["rung"], failure: Failure, hard: boolean, detail: string) => void;

function goldenSigns({ goldens, notFinite }: Health, add: AddSign): void {
  if (notFinite) add("golden", "not-finite", true, `golden ${notFinite.golden} was answered with NaN or Inf`);
  const wrong = confirmedWrong(goldens);
  if (wrong.length > 0)
    add(
      "golden",
      "wrong-output",
      wrong.length >= 2,
      `${wrong.length} goldens answered wrongly, each asked again: ${wrong.slice(0, 4).join(", ")}`,
    );
  const errors = confirmedErrors(goldens);
  if (errors.length > 0)
    add(
      "golden",
      "errors",
      errors.length >= 2,
      `${errors.length} goldens answered with an error, each asked again`,
    );
  const silent = confirmedSilent(goldens);
  const once = silentOnce(goldens);
  if (silent.length >= 2)
    add("golden", "hung", true, `${silent.length} goldens not answered, each asked again`);
  else if (once.length >= 2 || silent.length > 0)
    add("golden", "hung", false, `${once.length} goldens not answered`);
}

function outputSigns(recent: Health["outputs"], add: AddSign): void {
  const contested = recent.filter((output) => output.contested);
  const first = (finding: string) => contested.find((output) => output.finding === finding);
  const notFinite = first("not-finite");
  // Uncontested, it may be the client's own NaN coming back: a reason to ask the goldens, not a verdict.
  if (notFinite)
    add(
      "output",
      "not-finite",
      true,
      `an answer held ${notFinite.detail} where another instance answered finitely`,
    );
  const failing = contested.filter(({ finding }) => finding === "status-5xx" || finding === "truncated");
  if (failing.length >= 3)
    add("output", "errors", false, `${failing.length} requests failed here and were answered well elsewhere`);
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

function asksAfter(before: Health, after: Health, probe: Probe): Ask[] {
  switch (probe.kind) {
    case "process":
      if (!probe.alive && !probe.again) return [{ kind: "process" }];
      return before.gone && !after.gone ? [{ kind: "all-goldens" }] : [];
    case "golden":
      return before.failed && after.failed ? [] : asksAfterGolden(after, probe);
    case "progress":
      return before.progress.stalledMs === 0 && after.progress.stalledMs > 0
        ? [{ kind: "live" }, { kind: "another-golden", not: "" }, { kind: "another-golden", not: "" }]
        : [];
    case "output":
      return after.failed
        ? []
        : [
            { kind: "another-golden", not: "" },
            { kind: "another-golden", not: "" },
          ];
    case "bytes":
      return before.bytes.tree !== after.bytes.tree || before.bytes.state !== after.bytes.state
        ? [{ kind: "all-goldens" }]
        : [];
    case "releases":
    case "maintenance":
      return [{ kind: "all-goldens" }];
    default:
      return [];
  }
}

function asksAfterGolden({ goldens, progress }: Health, probe: Extract<Probe, { kind: "golden" }>): Ask[] {
  const again: Ask[] = [
    { kind: "golden", id: probe.golden },
    { kind: "another-golden", not: probe.golden },
  ];
  // While work is seen to finish, a late golden waits in a queue: asking more of them would only lengthen it.
  if (probe.outcome === "timeout") return probe.atMs - progress.workedAtMs < progress.limitMs ? [] : again;
  if (probe.outcome === "error" || probe.outcome === "not-finite") return again;
  const wrong =
    goldens.current === null
      ? probe.passes.length === 0 && probe.fails.length > 0
      : probe.fails.includes(goldens.current);
  if (!wrong) return [];
  const missesInARow = Math.max(
    ...probe.fails.map((digest) => goldens.answers[probe.golden]?.missesInARow[digest] ?? 0),
  );
  return missesInARow === 1 ? again : [{ kind: "all-goldens" }];
}
