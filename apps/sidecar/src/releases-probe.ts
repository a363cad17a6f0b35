import { type Probe, splitModelKey } from "@locum/contracts";
import type { ReleaseShelf } from "./release-shelf.ts";

/** The models that are proven: those named in the file, else all that some release has goldens of. */
export function modelsOf(named: readonly string[], shelf: ReleaseShelf): readonly string[] {
  if (named.length > 0) return named;
  return [...new Set(shelf.approved().flatMap(({ body }) => body.goldens.map(({ model }) => model)))];
}

/** What is approved now, with the goldens of each model. */
export function releasesProbe(shelf: ReleaseShelf, models: readonly string[], atMs: number): Probe {
  const approved = shelf.approved().map(({ digest, body }) => {
    // Naming a model names its versions.
    const goldens = body.goldens.filter(
      ({ model }) => models.includes(model) || models.includes(splitModelKey(model).model),
    );
    const ofModels = Object.groupBy(goldens, ({ model }) => model);
    return {
      digest,
      tree: body.tree?.digest ?? null,
      goldens: goldens.map(({ id }) => id),
      models: Object.fromEntries(
        Object.entries(ofModels).map(([model, own = []]) => [model, own.map(({ id }) => id)]),
      ),
    };
  });
  return { kind: "releases", atMs, approved };
}
