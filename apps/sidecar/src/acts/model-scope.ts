import { splitModelKey } from "@locum/contracts";
import type { ActContext } from "./act-context.ts";

/** The judged models that an act touches; null for the whole server. */
export type ModelScope = readonly string[] | null;

/**
 * A server loads a model by its name, with every version of it: all of them are away meanwhile. An act that names
 * none, or every one, is one on the whole server.
 */
export function scopeOf(
  { drive }: Pick<ActContext, "drive">,
  wanted: readonly string[] | undefined,
): ModelScope {
  const judged = Object.keys(drive.state().health.models);
  if (!wanted || judged.length === 0) return null;
  const names = new Set(wanted.map((key) => splitModelKey(key).model));
  const touched = judged.filter((key) => names.has(splitModelKey(key).model));
  return touched.length === 0 || touched.length === judged.length ? null : touched;
}

/** What a server is told to load: names without versions, each once. */
export const namesOf = (keys: readonly string[]): string[] => [
  ...new Set(keys.map((key) => splitModelKey(key).model)),
];
