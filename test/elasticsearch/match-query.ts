import { wordsOf } from "@locum/audit/projection";
import type { StoredDocument } from "./data-streams.ts";
import { sourceOf } from "./data-streams.ts";
import { dateMs, type Mapping, type Source, typeOf } from "./mapping.ts";

export type Query = Record<string, unknown>;
export type Value = string | number | boolean;

/** A question that the double cannot answer, in the words of the server. */
export class BadQuery extends Error {}

/** Whether the document is one of those asked for, in the part of the query language that audit questions use. */
export function matchQuery(query: Query | undefined, document: StoredDocument, mapping: Mapping): boolean {
  if (query === undefined) return true;
  const [kind = "", body] = Object.entries(query)[0] ?? [];
  const matcher = matchers[kind];
  if (!matcher) throw new BadQuery(`unknown query [${kind}]`);
  return matcher(body as never, document, mapping);
}

type Matcher = (body: never, document: StoredDocument, mapping: Mapping) => boolean;

const matchers: Record<string, Matcher> = {
  match_all: () => true,
  match_none: () => false,
  ids: ({ values }: { values: string[] }, { id }) => values.includes(id),
  exists: ({ field }: { field: string }, document, mapping) => valuesOf(document, field, mapping).length > 0,
  term: (body: Record<string, Value | { value: Value }>, document, mapping) => {
    const [field, given] = only(body);
    const value = typeof given === "object" ? given.value : given;
    return hasOneOf(field, [value], document, mapping);
  },
  terms: (body: Record<string, Value[]>, document, mapping) => {
    const [field, values] = only(body);
    return hasOneOf(field, values, document, mapping);
  },
  prefix: (body: Record<string, string | { value: string }>, document, mapping) => {
    const [field, given] = only(body);
    const start = typeof given === "object" ? given.value : given;
    return valuesOf(document, field, mapping).some((value) => String(value).startsWith(start));
  },
  range: (body: Record<string, Bounds>, document, mapping) => {
    const [field, bounds] = only(body);
    return valuesOf(document, field, mapping).some((value) =>
      isWithin(value, bounds, typeOf(mapping, field)),
    );
  },
  match: (body: Record<string, string | { query: string; operator?: string }>, document, mapping) => {
    const [field, given] = only(body);
    const { query, operator = "or" } = typeof given === "string" ? { query: given } : given;
    const there = new Set(valuesOf(document, field, mapping).flatMap((value) => wordsOf(String(value))));
    const wanted = wordsOf(query);
    const has = (word: string): boolean => there.has(word);
    return wanted.length > 0 && (operator.toLowerCase() === "and" ? wanted.every(has) : wanted.some(has));
  },
  bool: (body: Bool, document, mapping) => {
    const of = (clause: Query | Query[] | undefined): Query[] =>
      clause === undefined ? [] : Array.isArray(clause) ? clause : [clause];
    const holds = (one: Query): boolean => matchQuery(one, document, mapping);
    const needed = [...of(body.must), ...of(body.filter)];
    const choices = of(body.should);
    const least = Number(body.minimum_should_match ?? (needed.length === 0 && choices.length > 0 ? 1 : 0));
    return (
      needed.every(holds) &&
      !of(body.must_not).some(holds) &&
      (least === 0 || choices.filter(holds).length >= least)
    );
  },
  constant_score: ({ filter }: { filter: Query }, document, mapping) => matchQuery(filter, document, mapping),
};

type Bounds = { gte?: Value; gt?: Value; lte?: Value; lt?: Value; format?: string };
type Bool = {
  must?: Query | Query[];
  filter?: Query | Query[];
  should?: Query | Query[];
  must_not?: Query | Query[];
  minimum_should_match?: number;
};

/** The values of a field as an index would hold them; none of a field that is not mapped. */
export function valuesOf(document: StoredDocument, field: string, mapping: Mapping): Value[] {
  if (field === "_id") return [document.id];
  if (field === "event.sequence" && document.seq !== undefined) return [document.seq];
  const type = typeOf(mapping, field);
  if (type === undefined) return [];
  return valuesAt(sourceOf(document), field).map((value) => asIndexed(value, type));
}

function valuesAt(source: unknown, field: string): unknown[] {
  if (source === null || source === undefined) return [];
  if (Array.isArray(source)) return source.flatMap((one) => valuesAt(one, field));
  if (field === "") return typeof source === "object" ? [] : [source];
  if (typeof source !== "object") return [];
  const parts = field.split(".");
  return parts.flatMap((_, index) => {
    const head = parts.slice(0, index + 1).join(".");
    return Object.hasOwn(source, head)
      ? valuesAt((source as Source)[head], parts.slice(index + 1).join("."))
      : [];
  });
}

export function asIndexed(value: unknown, type: string): Value {
  if (type === "date") return dateMs(value) ?? Number.NaN;
  if (["long", "integer", "double", "float"].includes(type)) return Number(value);
  if (type === "boolean") return value === true || value === "true";
  return type === "any" && typeof value === "number" ? value : String(value);
}

const hasOneOf = (
  field: string,
  wanted: readonly Value[],
  document: StoredDocument,
  mapping: Mapping,
): boolean => {
  const type = typeOf(mapping, field) ?? "any";
  const there = valuesOf(document, field, mapping);
  return wanted.some((value) => there.includes(asIndexed(value, type)));
};

function isWithin(value: Value, { gte, gt, lte, lt }: Bounds, type = "any"): boolean {
  const of = (bound: Value): Value => asIndexed(bound, type);
  return (
    (gte === undefined || value >= of(gte)) &&
    (gt === undefined || value > of(gt)) &&
    (lte === undefined || value <= of(lte)) &&
    (lt === undefined || value < of(lt))
  );
}

function only<T>(body: Record<string, T>): [string, T] {
  const first = Object.entries(body).find(([name]) => name !== "boost");
  if (!first) throw new BadQuery("a query without a field");
  return first;
}
