import type { Probe } from "@locum/contracts";
import {
  forgetPasses,
  forgetSilences,
  type GoldenTally,
  provenAtMs,
  recordAnswer,
  silentOnce,
} from "./golden-tally.ts";
import type { AnswerHealth, JudgePolicy } from "./health.ts";
import { outputWindowMs } from "./output-signs.ts";

type GoldenProbe = Extract<Probe, { kind: "golden" }>;
type Seen = Pick<
  Extract<Probe, { kind: "progress" }>,
  "atMs" | "inflight" | "waitingMs" | "completed" | "p99Ms"
>;

const outputsMax = 64;
/** L3: a wait of this many p99s is out of the instance's own character (research on hung engines: 8 x p99). */
const patience = 8;

/** What follows is the same for a whole server and for one model of several. */
export function seeGolden<Part extends AnswerHealth>(part: Part, probe: GoldenProbe): Part {
  const goldens = recordAnswer(part.goldens, probe);
  const aloneSinceMs = probe.outcome === "timeout" ? part.aloneSinceMs : null;
  return { ...part, goldens, aloneSinceMs, notFinite: notFiniteAfter(part.notFinite, probe, goldens) };
}

/**
 * A neighbour on the same server answered. What this one was silent to until now the whole server may have been: its
 * silence is counted anew, as its own.
 */
export function besideAnswer<Part extends AnswerHealth>(part: Part, { outcome, atMs }: GoldenProbe): Part {
  if (outcome !== "answered" || part.aloneSinceMs !== null || silentOnce(part.goldens).length === 0)
    return part;
  return { ...part, goldens: forgetSilences(part.goldens), aloneSinceMs: atMs };
}

export const seeOutput = <Part extends AnswerHealth>(
  part: Part,
  probe: Extract<Probe, { kind: "output" }>,
): Part => ({
  ...part,
  outputs: [...part.outputs.filter(({ atMs }) => probe.atMs - atMs < outputWindowMs), probe].slice(
    -outputsMax,
  ),
});

export function seeProgress<Part extends AnswerHealth>(part: Part, probe: Seen, policy: JudgePolicy): Part {
  const { progress } = part;
  const worked = probe.completed > progress.completed;
  const moved = worked || probe.inflight === 0;
  const movedAtMs = moved ? Math.max(probe.atMs, part.maintenanceUntilMs) : progress.movedAtMs;
  const limitMs = Math.min(policy.divertCeilingMs, Math.max(policy.divertFloorMs, patience * probe.p99Ms));
  // The oldest request counts too: a server that was idle until now has not been still for longer than that.
  const stillMs = moved ? 0 : Math.min(probe.atMs - movedAtMs, probe.waitingMs);
  return {
    ...part,
    goldens: worked ? forgetSilences(part.goldens) : part.goldens,
    aloneSinceMs: worked ? null : part.aloneSinceMs,
    progress: {
      completed: probe.completed,
      movedAtMs,
      limitMs,
      workedAtMs: worked ? probe.atMs : progress.workedAtMs,
      stalledMs: stillMs >= limitMs ? stillMs : 0,
    },
  };
}

export const forgetAnswers = <Part extends AnswerHealth>(part: Part): Part => ({
  ...part,
  goldens: forgetPasses(part.goldens),
  aloneSinceMs: null,
  notFinite: null,
});

export const afterMaintenance = <Part extends AnswerHealth>(part: Part, untilMs: number): Part => ({
  ...forgetAnswers(part),
  maintenanceUntilMs: untilMs,
  outputs: [],
  progress: { ...part.progress, movedAtMs: untilMs, stalledMs: 0 },
});

function notFiniteAfter(
  known: AnswerHealth["notFinite"],
  probe: GoldenProbe,
  goldens: GoldenTally,
): AnswerHealth["notFinite"] {
  if (probe.outcome === "not-finite") return { atMs: probe.atMs, golden: probe.golden };
  // Another release may answer rightly now, and never be asked that golden.
  const provenAt = provenAtMs(goldens);
  if (known && provenAt !== null && provenAt > known.atMs) return null;
  return known?.golden === probe.golden && probe.outcome === "answered" ? null : known;
}
