/** A value, as CEL writes it: texts, numbers, truths, and lists and maps of them. */
export const literal = (value: string | number | boolean): string => JSON.stringify(value);

/** What stands in a value for an expression: the same functions then make the value and the policy. */
export type Hole = { mark: string; number: number; cel: string; kind: "text" | "int" };

/**
 * Private letters around the name, and numbers that no port or size has: neither occurs in what people write. The last
 * letter is an ordinary one, so that a name that must end in such stays whole.
 */
export const textHole = (name: string, cel: string): Hole => ({
  mark: `\uE000${name}\uE0010`,
  number: Number.NaN,
  cel,
  kind: "text",
});
export const intHole = (index: number, cel: string): Hole => ({
  mark: String(990_000_000 + index),
  number: 990_000_000 + index,
  cel,
  kind: "int",
});

/** A part of a text that is there only where a condition holds. */
export type OptionalPart = { part: string; when: string };

/**
 * The CEL expression of a value with holes. A map's field that starts with `?` becomes an optional one: its value is
 * then an expression of CEL itself.
 */
export function expressionOf(
  value: unknown,
  holes: readonly Hole[],
  parts: readonly OptionalPart[] = [],
): string {
  if (typeof value === "string") return textOf(value, holes, parts);
  if (typeof value === "number") return holes.find(({ number }) => number === value)?.cel ?? literal(value);
  if (typeof value === "boolean") return literal(value);
  if (Array.isArray(value))
    return `[${value.map((item) => `dyn(${expressionOf(item, holes, parts)})`).join(", ")}]`;
  const entries = Object.entries(value as object).map(([key, one]) =>
    key.startsWith("?")
      ? `?${literal(key.slice(1))}: ${String(one)}`
      : `${literal(key)}: dyn(${expressionOf(one, holes, parts)})`,
  );
  return `{${entries.join(", ")}}`;
}

/** Where it is to be there under a condition only. */
export const optional = (when: string, cel: string): string =>
  `${when} ? optional.of(dyn(${cel})) : optional.none()`;

function textOf(text: string, holes: readonly Hole[], parts: readonly OptionalPart[]): string {
  const split = parts.find(({ part }) => text.includes(part));
  if (split) {
    const at = text.indexOf(split.part);
    const [before, after] = [text.slice(0, at), text.slice(at + split.part.length)];
    const rest = parts.filter((one) => one !== split);
    return sum([
      ...(before ? [textOf(before, holes, rest)] : []),
      `(${split.when} ? ${textOf(split.part, holes, [])} : "")`,
      ...(after ? [textOf(after, holes, rest)] : []),
    ]);
  }
  const hole = holes.find(({ mark }) => text.includes(mark));
  if (!hole) return literal(text);
  const at = text.indexOf(hole.mark);
  const [before, after] = [text.slice(0, at), text.slice(at + hole.mark.length)];
  return sum([
    ...(before ? [textOf(before, holes, [])] : []),
    hole.kind === "int" ? `string(${hole.cel})` : hole.cel,
    ...(after ? [textOf(after, holes, [])] : []),
  ]);
}

const sum = (terms: readonly string[]): string => terms.join(" + ");
