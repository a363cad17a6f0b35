import type { AuditCondition, AuditField, AuditMeasure } from "@locum/contracts";
import { termValue } from "./term-value.ts";
import { wordsOf } from "./words-of.ts";

export type SqlValue = string | number | null;
/** A piece of SQL with the values of its question marks, in their order. Values are never part of the text. */
export type Sql = { text: string; values: SqlValue[] };

/** Columns of `records`; what is asked for less often is read from the line. */
export function fieldSql(field: AuditField): Sql {
  if (field === "reason") return { text: "(line ->> '$.event.reason')", values: [] };
  if (isMeasure(field)) {
    const path = `$.event.facts."${field.slice("measures.".length)}"`;
    // A whole number that is one in every engine; what is larger is no measure.
    return {
      text: "(CASE WHEN json_type(line, ?) IN ('integer', 'real') AND abs(line ->> ?) < 9007199254740992 THEN CAST(line ->> ? AS INTEGER) END)",
      values: [path, path, path],
    };
  }
  if (!isFact(field)) return { text: field, values: [] };
  // As Elasticsearch keeps a flattened field: every value is a keyword, null is none.
  const path = `$.event.facts."${field.slice("facts.".length)}"`;
  return {
    text: "(CASE json_type(line, ?) WHEN 'text' THEN line ->> ? WHEN 'null' THEN NULL ELSE line -> ? END)",
    values: [path, path, path],
  };
}

const isMeasure = (field: AuditField): field is `measures.${AuditMeasure}` => field.startsWith("measures.");
export const isFact = (field: AuditField): field is `facts.${string}` => field.startsWith("facts.");

/** The condition over `records`, as an expression that is true, false or null. */
export function conditionSql(condition: AuditCondition): Sql {
  switch (condition.op) {
    case "term":
      return conditionSql({ op: "terms", field: condition.field, values: [condition.value] });
    case "terms":
      return termsSql(condition.field, condition.values);
    case "range":
      return rangeSql(condition);
    case "exists":
      return join(fieldSql(condition.field), " IS NOT NULL");
    case "prefix":
      return prefixSql(condition.field, condition.value);
    case "text":
      return {
        text: "seq IN (SELECT rowid FROM words WHERE words MATCH ?)",
        values: [matchOf(condition.words)],
      };
    case "not":
      // What is missing does not match, so its opposite does.
      return join("NOT coalesce(", conditionSql(condition.condition), ", 0)");
    case "any":
      return join("(", ...between(condition.conditions.map(conditionSql), " OR "), ")");
  }
}

export const allSql = (conditions: readonly AuditCondition[]): Sql =>
  conditions.length === 0
    ? { text: "1", values: [] }
    : join(...between(conditions.map(conditionSql), " AND "));

/** All words, each as a string of its own: nothing in them is an operator. */
export function matchOf(text: string): string {
  const words = wordsOf(text).map((word) => `"${word}"`);
  // Words of nothing match nothing; an empty MATCH would be an error.
  return words.length === 0 ? '"\u0001"' : words.join(" AND ");
}

export function join(...pieces: (Sql | string)[]): Sql {
  return {
    text: pieces.map((piece) => (typeof piece === "string" ? piece : piece.text)).join(""),
    values: pieces.flatMap((piece) => (typeof piece === "string" ? [] : piece.values)),
  };
}

export const between = (pieces: readonly (Sql | string)[], separator: string): (Sql | string)[] =>
  pieces.flatMap((piece, index) => (index === 0 ? [piece] : [separator, piece]));

type Terms = Extract<AuditCondition, { op: "terms" }>;

function termsSql(field: AuditField, values: Terms["values"]): Sql {
  const fit = values.flatMap((value) => termValue(field, value) ?? []);
  return join(fieldSql(field), { text: ` IN (${fit.map(() => "?").join(",")})`, values: fit });
}

const operators = { gte: ">=", gt: ">", lte: "<=", lt: "<" } as const;

function rangeSql(condition: Extract<AuditCondition, { op: "range" }>): Sql {
  const bounds = (["gte", "gt", "lte", "lt"] as const).flatMap((bound) => {
    const value = condition[bound];
    if (value === undefined) return [];
    return [join(fieldSql(condition.field), { text: ` ${operators[bound]} ?`, values: [value] })];
  });
  return bounds.length === 0
    ? join(fieldSql(condition.field), " IS NOT NULL")
    : join("(", ...between(bounds, " AND "), ")");
}

/** As a range, so that an index serves it: U+10FFFF is above every character. */
function prefixSql(field: AuditField, value: string): Sql {
  const column = fieldSql(field);
  return join("(", column, { text: " >= ? AND ", values: [value] }, column, {
    text: " < ? || char(1114111))",
    values: [value],
  });
}
