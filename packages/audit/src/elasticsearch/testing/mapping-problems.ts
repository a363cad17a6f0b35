import { mappedFields } from "../mapped-fields.ts";

/** Why the mapping would not take a document as it is, field by field; what is not mapped is named as well. */
export function mappingProblems(document: unknown): string[] {
  return leaves(document, "").flatMap(({ path, value }) => {
    const field =
      mappedFields[path] ??
      (path.startsWith("locum.details.") ? { type: "keyword", index: true } : undefined);
    if (!field) return [`${path} is not mapped`];
    const type = field.type === "keyword" && field.index !== false ? "term" : field.type;
    return [value].flat().flatMap((one) => (takes[type]?.(one) ? [] : [`${path}: ${one} is no ${type}`]));
  });
}

type Leaf = { path: string; value: unknown };

function leaves(value: unknown, path: string): Leaf[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([name, member]) => leaves(member, path ? `${path}.${name}` : name));
}

/** What is indexed as one term may have 32 766 bytes. */
const isTerm = (value: unknown): boolean =>
  typeof value === "string" && value.isWellFormed() && Buffer.byteLength(value) <= 32_766;

const takes: Record<string, (value: unknown) => boolean> = {
  date: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(value)),
  keyword: (value) => typeof value === "string" && value.isWellFormed(),
  term: isTerm,
  long: Number.isSafeInteger,
  text: (value) => typeof value === "string" && value.isWellFormed(),
};
