import type { Health } from "@locum/coordination";

type Approved = Health["goldens"]["approved"];

/** Whom a golden asks, by what the approved releases say; the answer is looked up once for each set of them. */
export function modelOfGolden({ goldens }: Health, id: string): string | undefined {
  return lookupOf(goldens.approved).get(id);
}

const lookups = new WeakMap<Approved, ReadonlyMap<string, string>>();

function lookupOf(approved: Approved): ReadonlyMap<string, string> {
  const known = lookups.get(approved);
  if (known) return known;
  const lookup = new Map<string, string>();
  for (const { models = {} } of approved)
    for (const [model, ids] of Object.entries(models)) for (const id of ids) lookup.set(id, model);
  lookups.set(approved, lookup);
  return lookup;
}
