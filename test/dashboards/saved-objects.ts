/** An object of an import file, with what is text in it read. */
export type ReadObject = {
  id: string;
  type: string;
  attributes: Record<string, unknown> & { title?: string };
  references: { id: string; name: string; type: string }[];
  coreMigrationVersion?: string;
  typeMigrationVersion?: string;
  migrationVersion?: Record<string, string>;
};

export const readNdjson = (text: string): ReadObject[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ReadObject);

/** Every value under one of these keys, wherever it stands; text that is JSON is looked into as well. */
export function valuesUnder(value: unknown, keys: readonly string[]): string[] {
  if (typeof value === "string") {
    if (!/^[[{]/.test(value)) return [];
    try {
      return valuesUnder(JSON.parse(value), keys);
    } catch {
      return [];
    }
  }
  if (Array.isArray(value)) return value.flatMap((one) => valuesUnder(one, keys));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(keys.includes(key) ? [inner].flat().filter((one) => typeof one === "string") : []),
    ...valuesUnder(inner, keys),
  ]);
}

/** Fields that a query of KQL or Lucene names. */
export function queryFields(query: string): string[] {
  const bare = query.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  return [
    ...[...bare.matchAll(/_exists_:([\w@.\\:]+)/g)].map(([, name = ""]) => name),
    ...[...bare.matchAll(/(?<![\w@.])(@?[a-z][\w.]*(?:\\:[\w.]+)*)\s*(?::|<|>)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => name !== "_exists_"),
  ].map((name) => name.replaceAll("\\", ""));
}
