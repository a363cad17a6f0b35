import type { Digest, GoldenState, Probe } from "@locum/contracts";

type GoldenProbe = Extract<Probe, { kind: "golden" }>;
type Approved = Extract<Probe, { kind: "releases" }>["approved"][number];

/** What one golden answered last, judged against each release that records it. */
type LastAnswer = {
  atMs: number;
  outcome: GoldenProbe["outcome"];
  /** How often in a row the answer missed this release's expectation. Twice is confirmed: it was asked again. */
  missesInARow: Record<Digest, number>;
  passedAtMs: Record<Digest, number>;
  /** How often in a row no answer came although nothing else moved, and since when. */
  silencesInARow: number;
  silentSinceMs: number | null;
  errorsInARow: number;
};

/**
 * The goldens of one instance. Several releases may be approved at once (rollout, A/B), so a wrong answer is one that
 * no approved release expects, and an instance changes its release when it answers as another one.
 */
export type GoldenTally = {
  approved: readonly Approved[];
  /** The release that its answers match; null until a whole set passed. */
  current: Digest | null;
  answers: Record<string, LastAnswer>;
  /** First miss against `current` that is still unexplained. Older misses of other releases prove nothing. */
  suspectSinceMs: number | null;
};

export const emptyTally: GoldenTally = { approved: [], current: null, answers: {}, suspectSinceMs: null };

/** Misses twice in a row on two different inputs are a hard proof; on one input they are one kind of evidence. */
const confirmedMisses = 2;

export function setApproved(tally: GoldenTally, approved: readonly Approved[]): GoldenTally {
  const current = approved.some(({ digest }) => digest === tally.current) ? tally.current : null;
  return settle({
    ...tally,
    approved,
    current,
    suspectSinceMs: current === tally.current ? tally.suspectSinceMs : null,
  });
}

/** A part of a set, judged by itself from now on: what its goldens answered until now counts. */
export function carryOver(whole: GoldenTally, approved: readonly Approved[]): GoldenTally {
  const ids = new Set(approved.flatMap(({ goldens }) => goldens));
  const answers = Object.fromEntries(Object.entries(whole.answers).filter(([id]) => ids.has(id)));
  const known = approved.some(({ digest }) => digest === whole.current);
  return settle({ ...emptyTally, approved, answers, current: known ? whole.current : null });
}

export function recordAnswer(tally: GoldenTally, probe: GoldenProbe): GoldenTally {
  // An answer out of a cache shows what the cache holds, not what the model computes.
  if (probe.outcome === "cached" || probe.outcome === "refused") return tally;
  const before = tally.answers[probe.golden];
  const judged = probe.outcome === "answered" || probe.outcome === "not-finite";
  const missesInARow = { ...before?.missesInARow };
  const passedAtMs = { ...before?.passedAtMs };
  for (const digest of judged ? probe.passes : []) {
    missesInARow[digest] = 0;
    passedAtMs[digest] = probe.atMs;
  }
  for (const digest of judged ? probe.fails : []) {
    missesInARow[digest] = (missesInARow[digest] ?? 0) + 1;
    delete passedAtMs[digest];
  }
  const answer: LastAnswer = {
    atMs: probe.atMs,
    outcome: probe.outcome,
    missesInARow,
    passedAtMs,
    silencesInARow: probe.outcome === "timeout" ? (before?.silencesInARow ?? 0) + 1 : 0,
    silentSinceMs: probe.outcome === "timeout" ? (before?.silentSinceMs ?? probe.atMs) : null,
    errorsInARow: probe.outcome === "error" ? (before?.errorsInARow ?? 0) + 1 : 0,
  };
  const missed = judged && tally.current !== null && probe.fails.includes(tally.current);
  return settle({
    ...tally,
    answers: { ...tally.answers, [probe.golden]: answer },
    suspectSinceMs: tally.suspectSinceMs ?? (missed ? probe.atMs : null),
  });
}

/** Work was seen to finish: silence of goldens was a queue, not a hang. */
export function forgetSilences(tally: GoldenTally): GoldenTally {
  if (!Object.values(tally.answers).some(({ silencesInARow }) => silencesInARow > 0)) return tally;
  const answers = Object.fromEntries(
    Object.entries(tally.answers).map(([id, answer]) => [
      id,
      { ...answer, silencesInARow: 0, silentSinceMs: null },
    ]),
  );
  return { ...tally, answers };
}

/** After a reload or restart old passes say nothing: the whole set has to pass again. */
export function forgetPasses(tally: GoldenTally): GoldenTally {
  return { ...tally, answers: {}, suspectSinceMs: null };
}

/** Goldens that no approved release can explain, each asked again: the instance is wrong on them. */
export function confirmedWrong(tally: GoldenTally): string[] {
  const releases = tally.approved.filter(({ goldens }) => goldens.length > 0);
  if (releases.length === 0) return [];
  const refuted = releases.map((release) => missesOf(tally, release));
  // One release that is still open explains the instance: it may be in the middle of a deploy.
  const fewest = refuted.reduce((least, set) => (set.length < least.length ? set : least));
  return fewest;
}

export function confirmedSilent(tally: GoldenTally): string[] {
  return idsWhere(tally, ({ silencesInARow }) => silencesInARow >= confirmedMisses);
}

export function silentOnce(tally: GoldenTally): string[] {
  return idsWhere(tally, ({ silencesInARow }) => silencesInARow >= 1);
}

export function confirmedErrors(tally: GoldenTally): string[] {
  return idsWhere(tally, ({ errorsInARow }) => errorsInARow >= confirmedMisses);
}

/** When a golden of the set answered last, whatever it said. */
export function answeredAtMs(tally: GoldenTally): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const id in tally.answers) {
    const answer = tally.answers[id];
    if (answer?.outcome === "answered" && answer.atMs > latest) latest = answer.atMs;
  }
  return latest;
}

/** When a golden last answered as an approved release expects. */
export function passedAtMs(tally: GoldenTally): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const id in tally.answers)
    for (const atMs of Object.values(tally.answers[id]?.passedAtMs ?? {})) latest = Math.max(latest, atMs);
  return latest;
}

/** Since when those that are silent have been so, the latest of them; Infinity where none is. */
export function silentSinceMs(tally: GoldenTally): number {
  let latest = Number.NEGATIVE_INFINITY;
  for (const id of confirmedSilent(tally))
    latest = Math.max(latest, tally.answers[id]?.silentSinceMs ?? latest);
  return latest === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : latest;
}

/** Since when the whole set of the current release has passed: the oldest of its latest passes. */
export function provenAtMs(tally: GoldenTally): number | null {
  const release = tally.approved.find(({ digest }) => digest === tally.current);
  return release ? setPassedAtMs(tally, release) : null;
}

export function goldenState(tally: GoldenTally): GoldenState {
  if (tally.approved.every(({ goldens }) => goldens.length === 0)) return "none";
  if (confirmedWrong(tally).length > 0 || confirmedErrors(tally).length > 0) return "failed";
  return provenAtMs(tally) === null ? "partial" : "proven";
}

/** What to ask in a full round: the current release's set, or every approved set while the release is open. */
export function goldensToAsk(tally: GoldenTally): string[] {
  const open = tally.current === null || tally.suspectSinceMs !== null;
  const releases = open ? tally.approved : tally.approved.filter(({ digest }) => digest === tally.current);
  return [...new Set(releases.flatMap(({ goldens }) => goldens))];
}

/** A release whose whole set passed becomes the current one, unless the current one still explains everything. */
function settle(tally: GoldenTally): GoldenTally {
  const current = tally.approved.find(({ digest }) => digest === tally.current);
  if (current && missesOf(tally, current).length === 0 && setPassedAtMs(tally, current) !== null)
    return tally.suspectSinceMs === null ? tally : { ...tally, suspectSinceMs: null };
  const explaining = tally.approved.find(
    (release) =>
      release.goldens.length > 0 &&
      missesOf(tally, release).length === 0 &&
      setPassedAtMs(tally, release) !== null,
  );
  return explaining ? { ...tally, current: explaining.digest, suspectSinceMs: null } : tally;
}

function missesOf(tally: GoldenTally, { digest, goldens }: Approved): string[] {
  const sinceMs =
    digest === tally.current ? Number.NEGATIVE_INFINITY : (tally.suspectSinceMs ?? Number.NEGATIVE_INFINITY);
  const misses: string[] = [];
  for (const id of goldens) {
    const answer = tally.answers[id];
    if (answer && answer.atMs >= sinceMs && (answer.missesInARow[digest] ?? 0) >= confirmedMisses)
      misses.push(id);
  }
  return misses;
}

function setPassedAtMs(tally: GoldenTally, { digest, goldens }: Approved): number | null {
  let oldest = Number.POSITIVE_INFINITY;
  for (const id of goldens) {
    const passedAtMs = tally.answers[id]?.passedAtMs[digest];
    if (passedAtMs === undefined) return null;
    oldest = Math.min(oldest, passedAtMs);
  }
  return goldens.length === 0 ? null : oldest;
}

function idsWhere({ answers }: GoldenTally, test: (answer: LastAnswer) => boolean): string[] {
  const ids: string[] = [];
  for (const id in answers) {
    const answer = answers[id];
    if (answer && test(answer)) ids.push(id);
  }
  return ids;
}
