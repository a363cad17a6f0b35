import type { Evidence, Failure } from "@locum/contracts";
import type { Sign } from "./confirm.ts";
import {
  answeredAtMs,
  confirmedErrors,
  confirmedSilent,
  confirmedWrong,
  type GoldenTally,
  silentOnce,
  silentSinceMs,
} from "./golden-tally.ts";
import type { AnswerHealth, Health } from "./health.ts";
import { outputSigns } from "./output-signs.ts";

/** L1 misses in a row before a server that says nothing of itself counts as evidence. */
const liveMissesMax = 3;
/** One model that is silent while its neighbours answer: a queue of its own explains as much for this long. */
const silentAloneMs = 10_000;

type AddSign = (rung: Evidence["rung"], failure: Failure, hard: boolean, detail: string) => void;

/** Everything that speaks against a server with one model now, rung by rung, each with what it would mean if it were confirmed. */
export function signsOf(health: Health, atMs: number): Sign[] {
  return collect(atMs, (add) => {
    processSigns(health, add);
    answerSigns(health, add);
    silenceSigns(health.goldens, add);
    outputSigns(health, atMs, add);
    hardwareSigns(health, add);
    bytesSigns(health, add);
    configurationSigns(health, add);
  });
}

/**
 * What speaks against a server with several models as a whole: its process, silence that more than one model shares,
 * and findings that name no model.
 */
export function serverSigns(health: Health, atMs: number): Sign[] {
  const silent = Object.values(health.models).filter(({ goldens }) => silentOnce(goldens).length > 0);
  return collect(atMs, (add) => {
    processSigns(health, add);
    if (silent.length >= 2) silenceSigns(health.goldens, add);
    outputSigns(health, atMs, add);
    hardwareSigns(health, add);
    bytesSigns(health, add);
  });
}

/** What speaks against one model of several: how it answers, and that it alone stands still. */
export function modelSigns(name: string, { models, bytes }: Health, atMs: number): Sign[] {
  const model = models[name];
  if (!model) return [];
  return collect(atMs, (add) => {
    progressSigns(model, add);
    answerSigns(model, add);
    if (model.progress.stalledMs > 0 || isSilentAlone(name, models, atMs)) silenceSigns(model.goldens, add);
    outputSigns(model, atMs, add);
    bytesSigns({ bytes }, add);
    configurationSigns(model, add);
  });
}

function collect(atMs: number, look: (add: AddSign) => void): Sign[] {
  const signs: Sign[] = [];
  look((rung, failure, hard, detail) => signs.push({ rung, failure, hard, detail, atMs }));
  return signs;
}

function isSilentAlone(name: string, models: Health["models"], atMs: number): boolean {
  const model = models[name];
  if (!model || model.aloneSinceMs === null || atMs - model.aloneSinceMs < silentAloneMs) return false;
  const sinceMs = silentSinceMs(model.goldens);
  return Object.entries(models).some(
    ([other, { goldens }]) => other !== name && answeredAtMs(goldens) > sinceMs,
  );
}

function processSigns(health: Health, add: AddSign): void {
  if (health.gone) add("process", "process-gone", true, health.gone.detail);
  if (health.liveMisses >= liveMissesMax)
    add("live", "hung", false, `${health.liveMisses} liveness probes failed: ${health.liveDetail}`);
  progressSigns(health, add);
}

function progressSigns({ progress: { stalledMs, limitMs } }: AnswerHealth, add: AddSign): void {
  if (stalledMs > 0)
    add(
      "progress",
      "hung",
      false,
      `nothing finished for ${Math.round(stalledMs)} ms (limit ${Math.round(limitMs)} ms)`,
    );
}

function answerSigns({ goldens, notFinite }: AnswerHealth, add: AddSign): void {
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
}

function silenceSigns(goldens: GoldenTally, add: AddSign): void {
  const silent = confirmedSilent(goldens);
  const once = silentOnce(goldens);
  if (silent.length >= 2) add("golden", "hung", true, `${goldensOf(silent)} not answered, asked again`);
  else if (once.length >= 2 || silent.length > 0)
    add("golden", "hung", false, `${goldensOf(once)} not answered`);
}

function hardwareSigns({ hardware }: Health, add: AddSign): void {
  if (hardware !== null) add("hardware", "hardware", false, hardware);
}

function bytesSigns({ bytes }: Pick<Health, "bytes">, add: AddSign): void {
  if (bytes.state === "unapproved") add("bytes", "wrong-output", false, bytes.detail);
}

function configurationSigns({ configurationMatches }: AnswerHealth, add: AddSign): void {
  if (configurationMatches?.length === 0)
    add("configuration", "wrong-output", false, "the served metadata belongs to no approved release");
}

const goldensOf = ({ length }: readonly string[]): string =>
  length === 1 ? "one golden" : `${length} goldens`;
