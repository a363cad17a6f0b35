import type { Probe } from "@locum/contracts";
import { carryOver, goldensToAsk as ofTally, setApproved } from "./golden-tally.ts";
import { type AnswerHealth, type Health, startAnswers } from "./health.ts";
import { judgedAs } from "./judged-as.ts";

type Releases = Extract<Probe, { kind: "releases" }>;
type Approved = Releases["approved"][number];

/** Fewer are no set: a server with one model is that model. */
const severalMin = 2;

export const isSeveral = ({ models }: Pick<Health, "models">): boolean => {
  for (const _name in models) return true;
  return false;
};

/** The judged models that a wanted name means; none where the server is judged as one. */
export const modelsOf = ({ models }: Pick<Health, "models">, wanted: string): string[] =>
  judgedAs(Object.keys(models), wanted);

/** Changes the named models, all of them for null; names that are not judged are passed over. */
export function mapModels(
  health: Health,
  names: readonly string[] | null,
  change: (model: AnswerHealth, name: string) => AnswerHealth,
): Health {
  if (!isSeveral(health)) return health;
  const models: Record<string, AnswerHealth> = { ...health.models };
  let changed = false;
  for (const name of names ?? Object.keys(models)) {
    const before = models[name];
    if (!before) continue;
    const after = change(before, name);
    changed ||= after !== before;
    models[name] = after;
  }
  return changed ? { ...health, models } : health;
}

/** Each model that goldens ask, with what its goldens have answered until now. */
export function modelsAfterReleases(health: Health, { atMs, approved }: Releases): Health["models"] {
  const names = [...new Set(approved.flatMap(({ models = {} }) => Object.keys(models)))].sort();
  if (names.length < severalMin) return {};
  return Object.fromEntries(
    names.map((name) => {
      const own = approved.map((release) => ({ ...release, goldens: release.models?.[name] ?? [] }));
      const known = health.models[name];
      if (known) return [name, { ...known, goldens: setApproved(known.goldens, recording(own)) }];
      const goldens = carryOver(health.goldens, recording(own));
      return [name, { ...startAnswers(goldens, atMs), maintenanceUntilMs: health.maintenanceUntilMs }];
    }),
  );
}

/** A release that asks nothing of a model says nothing of it: it neither explains nor refutes an answer. */
const recording = (approved: readonly Approved[]): Approved[] =>
  approved.filter(({ goldens }) => goldens.length > 0);

/**
 * What to ask in a full round: of each model the goldens of its own release, or all while that is open; and what is
 * missing to know the release of the whole server. `names` asks only of these models.
 */
export function goldensToAsk(health: Health, names: readonly string[] | null = null): string[] {
  if (!isSeveral(health)) return ofTally(health.goldens);
  const asked = names ?? Object.keys(health.models);
  const { approved, current, suspectSinceMs } = health.goldens;
  const isOpen = current === null || suspectSinceMs !== null;
  const whole = isOpen
    ? approved.flatMap(({ models = {} }) => asked.flatMap((name) => models[name] ?? []))
    : [];
  const own = asked.flatMap((name) => (health.models[name] ? ofTally(health.models[name].goldens) : []));
  return [...new Set([...own, ...whole])];
}
