import type { Evidence, Failure } from "@locum/contracts";

/** Evidence with what it would mean if it were confirmed. */
export type Sign = Evidence & { failure: Failure; hard: boolean };

/** What contradicts what: a wrong answer and a silent server are different stories and do not confirm each other. */
const story: Record<Failure, "liveness" | "correctness"> = {
  "process-gone": "liveness",
  hung: "liveness",
  errors: "liveness",
  hardware: "liveness",
  "wrong-output": "correctness",
  "not-finite": "correctness",
};

/** Most precise first: what a confirmed finding is called when several signs tell the same story. */
const precision: readonly Failure[] = [
  "process-gone",
  "not-finite",
  "wrong-output",
  "errors",
  "hung",
  "hardware",
];

/**
 * One hard proof confirms, and so do two independent kinds that tell the same story. Bytes and configuration say
 * what is served, not how it answers: they confirm only together with an answer that was seen.
 */
export function confirm(
  signs: readonly Sign[],
): { failure: Failure; hard: boolean; evidence: Evidence[] } | null {
  const hard = signs.filter((sign) => sign.hard);
  if (hard.length > 0) return { failure: mostPrecise(hard), hard: true, evidence: evidenceOf(signs) };
  for (const kind of ["correctness", "liveness"] as const) {
    const telling = signs.filter(({ failure }) => story[failure] === kind);
    const rungs = new Set(telling.map(({ rung }) => rung));
    const seenAnswer = telling.filter(({ rung }) => rung !== "bytes" && rung !== "configuration");
    if (rungs.size >= 2 && seenAnswer.length > 0)
      return { failure: mostPrecise(seenAnswer), hard: false, evidence: evidenceOf(telling) };
  }
  return null;
}

const mostPrecise = (signs: readonly Sign[]): Failure =>
  precision.find((failure) => signs.some((sign) => sign.failure === failure)) ?? "hung";

const evidenceOf = (signs: readonly Sign[]): Evidence[] =>
  signs.slice(0, 16).map(({ rung, atMs, detail }) => ({ rung, atMs, detail: detail.slice(0, 500) }));
