import type { Evidence, Failure, Probe } from "@locum/contracts";
import { passedAtMs } from "./golden-tally.ts";
import type { AnswerHealth } from "./health.ts";

type OutputProbe = Extract<Probe, { kind: "output" }>;
type AddSign = (rung: Evidence["rung"], failure: Failure, hard: boolean, detail: string) => void;

/** Findings in real answers count for this long: older ones belong to another story. */
export const outputWindowMs = 10_000;
/** One odd answer may be the request's, or chance where answers are drawn by it. So many at once are not. */
const enough = 3;

/** What each finding would mean of the instance, were it confirmed. */
const meaning: Record<OutputProbe["finding"], Failure> = {
  "not-finite": "not-finite",
  "status-5xx": "errors",
  truncated: "errors",
  malformed: "errors",
  constant: "wrong-output",
  empty: "wrong-output",
  flood: "wrong-output",
  "wrong-finish": "wrong-output",
  "wrong-model": "wrong-output",
  stalled: "hung",
};

/** Where nobody else was asked, a request may bring these about by itself: an input that is NaN, or that no server can bear. */
const byRequest: ReadonlySet<OutputProbe["finding"]> = new Set(["not-finite", "status-5xx", "truncated"]);

/**
 * L5. A finding that another instance contested, answering the same request well, is evidence; so are several of one
 * meaning that nobody could contest, until a golden passes. Fewer are a reason to ask the goldens, and no more.
 */
export function outputSigns({ outputs, goldens }: AnswerHealth, atMs: number, add: AddSign): void {
  if (outputs.length === 0) return;
  const recent = outputs.filter((output) => atMs - output.atMs < outputWindowMs);
  const contested = recent.filter((output) => output.contested);
  const notFinite = contested.find(({ finding }) => finding === "not-finite");
  if (notFinite)
    add(
      "output",
      "not-finite",
      true,
      `an answer held ${notFinite.detail} where another instance answered finitely`,
    );
  const passedMs = passedAtMs(goldens);
  const unexplained = recent.filter((it) => it.atMs > passedMs && !byRequest.has(it.finding));
  for (const failure of ["wrong-output", "errors", "hung"] as const) {
    const failing = contested.filter(({ finding }) => meaning[finding] === failure);
    const odd = unexplained.filter(({ finding }) => meaning[finding] === failure);
    if (failing.length >= enough)
      add(
        "output",
        failure,
        false,
        `${failing.length} requests ${words[failure]} and were answered well elsewhere`,
      );
    else if (odd.length >= enough)
      add("output", failure, false, `${odd.length} answers since a golden passed: ${kindsOf(odd)}`);
  }
}

/** Whether the same was found a moment ago, and the goldens that were asked for it then are still to answer. */
export function isToldAgain({ outputs }: AnswerHealth, probe: OutputProbe): boolean {
  if (probe.contested || byRequest.has(probe.finding)) return false;
  return outputs.some(({ finding, atMs }) => finding === probe.finding && probe.atMs - atMs < askAgainMs);
}

const askAgainMs = 1_000;

const words = {
  "wrong-output": "were answered wrongly here",
  errors: "failed here",
  hung: "stalled here",
} as const;

const kindsOf = (outputs: readonly OutputProbe[]): string =>
  [...new Set(outputs.map(({ finding }) => finding))].join(", ");
