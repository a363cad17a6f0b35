import type { StoredDocument } from "./data-streams.ts";
import { type Mapping, typeOf } from "./mapping.ts";
import { BadQuery, matchQuery, type Query, type Value, valuesOf } from "./match-query.ts";

export type Aggregations = Record<string, Record<string, unknown>>;
type Found = readonly StoredDocument[];
type Bucket = { key: Value; doc_count: number } & Record<string, unknown>;

/** Figures and buckets over documents, and over those of each bucket again. */
export function aggregate(
  aggregations: Aggregations,
  found: Found,
  mapping: Mapping,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(aggregations).map(([name, { aggs, aggregations: inner = aggs, meta: _, ...own }]) => {
      const [kind = "", body] = Object.entries(own)[0] ?? [];
      const of = kinds[kind];
      if (!of) throw new BadQuery(`unknown aggregation type [${kind}]`);
      const within = (documents: Found): Record<string, unknown> =>
        inner ? aggregate(inner as Aggregations, documents, mapping) : {};
      return [name, of(body as never, found, mapping, within)];
    }),
  );
}

type Within = (documents: Found) => Record<string, unknown>;
type Kind = (body: never, found: Found, mapping: Mapping, within: Within) => Record<string, unknown>;

const kinds: Record<string, Kind> = {
  value_count: ({ field }: { field: string }, found, mapping) => ({
    value: allValues(found, field, mapping).length,
  }),
  cardinality: ({ field }: { field: string }, found, mapping) => ({
    value: new Set(allValues(found, field, mapping)).size,
  }),
  min: ({ field }: { field: string }, found, mapping) => ({ value: figures(found, field, mapping).min }),
  max: ({ field }: { field: string }, found, mapping) => ({ value: figures(found, field, mapping).max }),
  sum: ({ field }: { field: string }, found, mapping) => ({ value: figures(found, field, mapping).sum }),
  avg: ({ field }: { field: string }, found, mapping) => ({ value: figures(found, field, mapping).avg }),
  stats: ({ field }: { field: string }, found, mapping) => figures(found, field, mapping),
  terms: ({ field, size = 10 }: { field: string; size?: number }, found, mapping, within) => {
    const groups = grouped(found, (document) => valuesOf(document, field, mapping));
    const buckets = [...groups]
      .map(([key, members]) => bucketOf(key, members, within))
      .sort((a, b) => b.doc_count - a.doc_count || compareValues(a.key, b.key));
    const rest = buckets.slice(size).reduce((sum, { doc_count: n }) => sum + n, 0);
    return { doc_count_error_upper_bound: 0, sum_other_doc_count: rest, buckets: buckets.slice(0, size) };
  },
  histogram: (
    {
      field,
      interval,
      min_doc_count: least = 0,
    }: { field: string; interval: number; min_doc_count?: number },
    found,
    mapping,
    within,
  ) => ({ buckets: steps(found, field, interval, least, mapping, within) }),
  date_histogram: (
    { field, fixed_interval: interval, min_doc_count: least = 0 }: DateHistogram,
    found,
    mapping,
    within,
  ) => ({
    buckets: steps(found, field, intervalMs(interval), least, mapping, within).map((bucket) => ({
      key_as_string: new Date(Number(bucket.key)).toISOString(),
      ...bucket,
    })),
  }),
  filter: (query: Query, found, mapping, within) => {
    const members = found.filter((document) => matchQuery(query, document, mapping));
    return { doc_count: members.length, ...within(members) };
  },
  filters: ({ filters }: { filters: Record<string, Query> }, found, mapping, within) => ({
    buckets: Object.fromEntries(
      Object.entries(filters).map(([name, query]) => {
        const members = found.filter((document) => matchQuery(query, document, mapping));
        return [name, { doc_count: members.length, ...within(members) }];
      }),
    ),
  }),
  range: ({ field, ranges }: { field: string; ranges: Range[] }, found, mapping, within) => ({
    buckets: ranges.map(({ key, from, to }) => {
      const members = found.filter((document) =>
        valuesOf(document, field, mapping).some(
          (value) =>
            (from === undefined || Number(value) >= from) && (to === undefined || Number(value) < to),
        ),
      );
      return {
        key: key ?? `${from ?? "*"}-${to ?? "*"}`,
        from,
        to,
        doc_count: members.length,
        ...within(members),
      };
    }),
  }),
};

type DateHistogram = { field: string; fixed_interval: string; min_doc_count?: number };
type Range = { key?: string; from?: number; to?: number };

const allValues = (found: Found, field: string, mapping: Mapping): Value[] =>
  found.flatMap((document) => valuesOf(document, field, mapping));

function figures(found: Found, field: string, mapping: Mapping) {
  let count = 0;
  let sum = 0;
  let min: number | null = null;
  let max: number | null = null;
  if (typeOf(mapping, field) === "keyword")
    throw new BadQuery(`Field [${field}] of type [keyword] is not supported`);
  for (const document of found)
    for (const value of valuesOf(document, field, mapping)) {
      const number = Number(value);
      count += 1;
      sum += number;
      min = min === null ? number : Math.min(min, number);
      max = max === null ? number : Math.max(max, number);
    }
  return { count, min, max, avg: count === 0 ? null : sum / count, sum };
}

/** Buckets of the same width; the empty ones between them too, where they are not left out. */
function steps(
  found: Found,
  field: string,
  width: number,
  least: number,
  mapping: Mapping,
  within: Within,
): Bucket[] {
  const stepOf = (value: Value): number => Math.floor(Number(value) / width) * width;
  const groups = grouped(found, (document) => valuesOf(document, field, mapping).map(stepOf));
  const keys = [...groups.keys()].map(Number).sort((a, b) => a - b);
  const [first = 0, last = -1] = [keys[0], keys.at(-1)];
  const all =
    least > 0
      ? keys
      : Array.from({ length: Math.round((last - first) / width) + 1 }, (_, at) => first + at * width);
  return all
    .map((key) => bucketOf(key, groups.get(key) ?? [], within))
    .filter(({ doc_count: count }) => count >= least);
}

const bucketOf = (key: Value, members: Found, within: Within): Bucket => ({
  key,
  doc_count: members.length,
  ...within(members),
});

function grouped(
  found: Found,
  valuesOfOne: (document: StoredDocument) => Value[],
): Map<Value, StoredDocument[]> {
  const groups = new Map<Value, StoredDocument[]>();
  for (const document of found)
    for (const value of new Set(valuesOfOne(document))) {
      const members = groups.get(value);
      if (members) members.push(document);
      else groups.set(value, [document]);
    }
  return groups;
}

/** Keywords are in the order of their UTF-8 bytes. */
export const compareValues = (a: Value, b: Value): number =>
  typeof a === "number" && typeof b === "number"
    ? a - b
    : Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));

function intervalMs(text: string): number {
  const [, number, unit = ""] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  if (ms === undefined) throw new BadQuery(`failed to parse setting [fixed_interval] with value [${text}]`);
  return Number(number) * ms;
}
