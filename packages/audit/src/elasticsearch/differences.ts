export type Difference = { path: string; found: string | null; wanted: string | null };

/**
 * Where an object on a server differs from what it should be. Servers give settings back as texts and add defaults, so
 * values are compared as texts; what is there and not wanted counts in settings, mappings and processors only.
 */
export function differences(wanted: Record<string, unknown>, found: Record<string, unknown>): Difference[] {
  const ours = flatten(wanted);
  const theirs = flatten(found);
  const missing = [...ours]
    .filter(([path, value]) => theirs.get(path) !== value)
    .map(([path, value]) => ({ path, found: theirs.get(path) ?? null, wanted: value }));
  const added = [...theirs]
    .filter(([path]) => exact.test(path) && !ours.has(path))
    .map(([path, value]) => ({ path, found: value, wanted: null }));
  // A template without it makes plain indices.
  const lost =
    wanted.data_stream !== undefined && found.data_stream === undefined
      ? [{ path: "data_stream", found: null, wanted: "{}" }]
      : [];
  return [...lost, ...missing, ...added].sort((a, b) => (a.path < b.path ? -1 : 1));
}

const exact = /^(?:template\.(?:settings|mappings)|processors)\./;

function flatten(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null) {
    into.set(path, String(value));
    return into;
  }
  for (const [name, member] of Object.entries(value)) flatten(member, path ? `${path}.${name}` : name, into);
  return into;
}
