import type { FamilyTraits } from "./family.ts";

export type Field = {
  type?: string;
  dynamic?: boolean | string;
  properties?: Record<string, Field>;
  ignore_malformed?: boolean;
  index?: boolean;
  doc_values?: boolean;
  fields?: Record<string, Field>;
};
export type Mapping = {
  dynamic?: boolean | string;
  properties?: Record<string, Field>;
  /** The index's own setting. */
  ignoreMalformed?: boolean;
};
export type Source = Record<string, unknown>;

const shared = [
  "alias binary boolean byte date date_nanos date_range double float geo_point half_float integer ip long nested",
  "keyword match_only_text object scaled_float short text unsigned_long",
].flatMap((names) => names.split(" "));

/** The first type that the server does not have, and where. */
export function unknownType(
  { properties = {} }: { properties?: Record<string, Field> },
  traits: FamilyTraits,
  path = "",
): { field: string; type: string } | undefined {
  for (const [name, field] of Object.entries(properties)) {
    const at = path === "" ? name : `${path}.${name}`;
    const { type } = field;
    if (type !== undefined && ![...shared, traits.flattenedType].includes(type)) return { field: at, type };
    const inner = unknownType(field, traits, at);
    if (inner) return inner;
  }
  return undefined;
}

/** Later ones win, field by field. */
export function mergeMappings(mappings: readonly Mapping[]): Mapping {
  const properties = mappings.reduce<Record<string, Field>>(
    (merged, one) => mergeProperties(merged, one.properties ?? {}),
    {},
  );
  return { ...Object.assign({}, ...mappings), properties };
}

function mergeProperties(a: Record<string, Field>, b: Record<string, Field>): Record<string, Field> {
  const merged = { ...a };
  for (const [name, field] of Object.entries(b)) {
    const before = merged[name];
    merged[name] =
      before?.properties && field.properties
        ? { ...before, ...field, properties: mergeProperties(before.properties, field.properties) }
        : field;
  }
  return merged;
}

/** The type of a field by its dotted name; a part of a flattened field is a keyword. */
export function typeOf(mapping: Mapping, name: string): string | undefined {
  let properties = mapping.properties;
  let { dynamic = true } = mapping;
  const parts = name.split(".");
  for (const [index, part] of parts.entries()) {
    const field = properties?.[part];
    if (field === undefined) return dynamic === true || dynamic === "true" ? "any" : undefined;
    if (field.type === "flattened" || field.type === "flat_object") return "keyword";
    if (index === parts.length - 1) return field.type;
    dynamic = field.dynamic ?? dynamic;
    properties = field.properties ?? field.fields;
  }
  return undefined;
}

/** Why the mapping takes no such document; undefined where it does. */
export function documentProblem(source: Source, mapping: Mapping): string | undefined {
  const at = source["@timestamp"];
  if (at === undefined || at === null)
    return "failed to parse: data stream timestamp field [@timestamp] is missing";
  return problemWithin(source, mapping.properties ?? {}, mapping, "");
}

function problemWithin(
  source: Source,
  properties: Record<string, Field>,
  mapping: Mapping,
  path: string,
): string | undefined {
  for (const [name, value] of Object.entries(source)) {
    // A dotted name is the same as an object in an object.
    const [head = "", ...rest] = name.split(".");
    const field = properties[head];
    const at = `${path}${head}`;
    if (field === undefined) {
      if (mapping.dynamic === "strict")
        return `mapping set to strict, dynamic introduction of [${at}] is not allowed`;
      continue;
    }
    const inner = rest.length > 0 ? { [rest.join(".")]: value } : value;
    const problem = valueProblem(inner, field, mapping, at);
    if (problem) return problem;
  }
  return undefined;
}

function valueProblem(value: unknown, field: Field, mapping: Mapping, at: string): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    for (const one of value) {
      const problem = valueProblem(one, field, mapping, at);
      if (problem) return problem;
    }
    return undefined;
  }
  const { type = "object" } = field;
  const isObject = typeof value === "object";
  const refused = `failed to parse field [${at}] of type [${type}]`;
  if (type === "object" || type === "nested") {
    if (!isObject)
      return `object mapping for [${at}] tried to parse field [${at}] as object, but found a concrete value`;
    return problemWithin(value as Source, field.properties ?? {}, mapping, `${at}.`);
  }
  if (type === "flattened" || type === "flat_object") return isObject ? undefined : refused;
  const takes = accepts[type];
  if (!isObject && (takes === undefined || takes(value))) return undefined;
  const isMalformable =
    !["keyword", "text", "boolean", "match_only_text"].includes(type) && at !== "@timestamp";
  const ignores = field.ignore_malformed ?? mapping.ignoreMalformed ?? false;
  return ignores && isMalformable && !isObject ? undefined : refused;
}

const isNumber = (value: unknown): boolean =>
  typeof value === "number" ||
  (typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)));
const isWithin = (bound: number) => (value: unknown) => isNumber(value) && Math.abs(Number(value)) <= bound;

const accepts: Record<string, (value: unknown) => boolean> = {
  long: isWithin(2 ** 63),
  integer: isWithin(2 ** 31),
  double: isNumber,
  float: isNumber,
  boolean: (value) => ["true", "false", ""].includes(String(value)),
  date: (value) => dateMs(value) !== undefined,
  ip: (value) => /^[\d.]+$|^[\da-fA-F:]+$/.test(String(value)),
};

/** `strict_date_optional_time||epoch_millis`. */
export function dateMs(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  const text = String(value);
  if (/^-?\d{5,}$/.test(text)) return Number(text);
  const ms = /^[+-]?\d{4,9}(-\d\d(-\d\d(T[\d:.,]+(Z|[+-]\d\d(:?\d\d)?)?)?)?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}
