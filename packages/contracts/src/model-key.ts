/**
 * The name under which a model is asked and judged: `M`, or `M@V` where one version is meant. Several versions of one
 * model are judged apart that way, and only there: a name without a version means whichever one the server takes.
 */
export type ModelKey = { model: string; version?: string };

export const modelKey = ({ model, version }: ModelKey): string =>
  version === undefined ? model : `${model}@${version}`;

/** The last `@` counts: names of models may hold others. */
export function splitModelKey(key: string): ModelKey {
  const found = /^(.+)@([A-Za-z0-9][A-Za-z0-9._-]{0,255})$/s.exec(key);
  return found?.[1] === undefined || found[2] === undefined
    ? { model: key }
    : { model: found[1], version: found[2] };
}
