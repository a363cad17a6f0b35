import type { Probe } from "@locum/contracts";
import { setApproved } from "./golden-tally.ts";
import type { Health, JudgePolicy } from "./health.ts";
import { mapModels, modelsAfterReleases, modelsOf } from "./model-set.ts";
import {
  afterMaintenance,
  besideAnswer,
  forgetAnswers,
  seeGolden,
  seeOutput,
  seeProgress,
} from "./see-answers.ts";

/** One probe into what is known. No conclusion is drawn here. */
export function observe(health: Health, probe: Probe, policy: JudgePolicy): Health {
  switch (probe.kind) {
    case "process":
      if (probe.alive) return health.gone ? backAgain(health) : health;
      return probe.again ? { ...health, gone: { atMs: probe.atMs, detail: probe.detail } } : health;
    case "live":
      return { ...health, liveMisses: probe.ok ? 0 : health.liveMisses + 1, liveDetail: probe.detail };
    case "ready":
      return health; // A hint for people: a wrong model is ready, and a busy one may say that it is not.
    case "progress":
      return observeProgress(health, probe, policy);
    case "golden":
      return mapModels(seeGolden(health, probe), null, (model, name) =>
        name === probe.model ? seeGolden(model, probe) : besideAnswer(model, probe),
      );
    case "output":
      return observeOutput(health, probe);
    case "hardware":
      return { ...health, hardware: probe.ok ? null : probe.detail };
    case "bytes":
      return observeBytes(health, probe);
    case "configuration":
      return mapModels(
        { ...health, configurationMatches: probe.matches },
        Object.keys(probe.models ?? {}),
        (model, name) => ({ ...model, configurationMatches: probe.models?.[name] ?? null }),
      );
    case "releases":
      return {
        ...health,
        goldens: setApproved(health.goldens, probe.approved),
        models: modelsAfterReleases(health, probe),
      };
    case "maintenance":
      return observeMaintenance(health, probe);
  }
}

/** Another process: what the one before it passed says nothing of it. */
function backAgain(health: Health): Health {
  return mapModels({ ...forgetAnswers(health), gone: null }, null, forgetAnswers);
}

/** A finding that names no model may be of any: it counts against the server. */
function observeOutput(health: Health, probe: Extract<Probe, { kind: "output" }>): Health {
  const { model } = probe;
  const known = model === undefined ? [] : modelsOf(health, model);
  if (known.length === 0) return seeOutput(health, probe);
  return mapModels(health, known, (part) => seeOutput(part, probe));
}

function observeBytes(
  health: Health,
  { state, tree, release, detail, atMs }: Extract<Probe, { kind: "bytes" }>,
): Health {
  const { bytes } = health;
  const same = bytes.state === state && bytes.tree === tree;
  return { ...health, bytes: { state, tree, release, detail, sinceMs: same ? bytes.sinceMs : atMs } };
}

function observeMaintenance(health: Health, probe: Extract<Probe, { kind: "maintenance" }>): Health {
  const { models, untilMs } = probe;
  // Neighbours on the same server go on: only what is loaded again is not judged meanwhile.
  if (models && Object.keys(health.models).length > 0)
    return mapModels(health, models, (model) => afterMaintenance(model, untilMs));
  const whole = { ...afterMaintenance(health, untilMs), liveMisses: 0 };
  return mapModels(whole, null, (model) => afterMaintenance(model, untilMs));
}

function observeProgress(
  health: Health,
  probe: Extract<Probe, { kind: "progress" }>,
  policy: JudgePolicy,
): Health {
  const { models = {} } = probe;
  const worked = probe.completed > health.progress.completed;
  const whole = { ...seeProgress(health, probe, policy), liveMisses: worked ? 0 : health.liveMisses };
  return mapModels(whole, Object.keys(models), (model, name) => {
    const seen = models[name];
    return seen ? seeProgress(model, { ...seen, atMs: probe.atMs, p99Ms: probe.p99Ms }, policy) : model;
  });
}
