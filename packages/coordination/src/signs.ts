import type { Evidence, Failure } from "@locum/contracts";
import type { Sign } from "./confirm.ts";
import { confirmedErrors, confirmedSilent, confirmedWrong, silentOnce } from "./golden-tally.ts";
import type { Health } from "./judge.ts";

/** Findings in real answers count for this long: older ones belong to another story. */
export const outputWindowMs = 10_000;
/** L1 misses in a row before a server that says nothing of itself counts as evidence. */
const liveMissesMax = 3;

/** Everything that speaks against the instance now, rung by rung, each with what it would mean if it were confirmed. */
export function signsOf(health: Health, atMs: number): Sign[] {
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
  if (health.outputs.length > 0)
    outputSigns(
      health.outputs.filter((output) => atMs - output.atMs < outputWindowMs),
      add,
    );
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
      `${goldensOf(wrong)} answered wrongly, asked again: ${wrong.slice(0, 4).join(", ")}`,
    );
  const errors = confirmedErrors(goldens);
  if (errors.length > 0)
    add("golden", "errors", errors.length >= 2, `${goldensOf(errors)} answered with an error, asked again`);
  const silent = confirmedSilent(goldens);
  const once = silentOnce(goldens);
  if (silent.length >= 2) add("golden", "hung", true, `${goldensOf(silent)} not answered, asked again`);
  else if (once.length >= 2 || silent.length > 0)
    add("golden", "hung", false, `${goldensOf(once)} not answered`);
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

const goldensOf = ({ length }: readonly string[]): string =>
  length === 1 ? "one golden" : `${length} goldens`;
