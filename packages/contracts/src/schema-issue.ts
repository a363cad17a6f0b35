import { z } from "zod";
import { nearestWord } from "./nearest-word.ts";
import type { PathKey } from "./yaml-document.ts";

/** What is wrong at one path of a parsed value, and whether its key or its value is. */
export type PathProblem = { path: PathKey[]; on: "key" | "value"; expected: string; found: string };

const keysMax = 100;

/** Says in plain words what a schema wanted and what stood there; one line for each unknown key. */
export function explainIssue(schema: z.ZodType, issue: z.core.$ZodIssue, root: unknown): PathProblem[] {
  const path = issue.path.map((key) => (typeof key === "symbol" ? String(key) : key));
  if (issue.code === "unrecognized_keys") {
    const known = keysOf(schemaAt(schema, path));
    return issue.keys.slice(0, keysMax).map((key) => ({
      path: [...path, key],
      on: "key",
      expected: expectedKey(key, known),
      found: "an unknown key",
    }));
  }
  const found = describeValue(valueAt(root, path));
  return [{ path, on: "value", expected: expectation(issue, schemaAt(schema, path)), found }];
}

/** A value as a message may show it: short, on one line. */
export function describeValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a mapping";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function expectation(issue: z.core.$ZodIssue, at: z.ZodType | undefined): string {
  const described = at?.description;
  switch (issue.code) {
    case "invalid_type":
      return `${typeNames[issue.expected] ?? issue.expected}${described ? ` (${described})` : ""}`;
    case "invalid_value":
      return `${issue.values.length > 1 ? "one of " : ""}${issue.values.map((value) => String(value)).join(", ")}`;
    case "too_small":
      return `${bound(issue.origin)}${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}`;
    case "too_big":
      return `${bound(issue.origin)}${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}`;
    case "invalid_union":
      return keysOf(at).length > 0 ? `one of: ${keysOf(at).join(", ")}` : (described ?? issue.message);
    case "invalid_format":
      // Every URL of a service file is of this kind; its description says what it is for, not how it looks.
      return issue.format === "url" ? "an http:// or https:// URL" : (described ?? issue.message);
    case "custom":
      return issue.message;
    default:
      return described ?? issue.message;
  }
}

const typeNames: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
};

const bound = (origin: string): string =>
  origin === "array" ? "entries: " : origin === "string" ? "characters: " : "";

function expectedKey(key: string, known: readonly string[]): string {
  const near = nearestWord(key, known);
  return near ? `"${near}"?` : `one of ${known.join(", ")}`;
}

function schemaAt(schema: z.ZodType, path: readonly PathKey[]): z.ZodType | undefined {
  let at: z.ZodType | undefined = schema;
  for (const key of path) {
    const inner: z.ZodType | undefined = at && unwrap(at);
    if (inner instanceof z.ZodArray) at = inner.element as z.ZodType;
    else if (inner instanceof z.ZodObject && Object.hasOwn(inner.shape, key)) at = inner.shape[String(key)];
    else return undefined;
  }
  return at;
}

function keysOf(schema: z.ZodType | undefined): string[] {
  const inner = schema && unwrap(schema);
  if (inner instanceof z.ZodObject) return Object.keys(inner.shape);
  if (inner instanceof z.ZodUnion)
    return inner.options.flatMap((option: z.core.$ZodType) => keysOf(option as z.ZodType));
  return [];
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return unwrap(schema.unwrap() as z.ZodType);
  return schema;
}

function valueAt(root: unknown, path: readonly PathKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, key)
        ? (at as Record<PropertyKey, unknown>)[key]
        : undefined,
    root,
  );
}
