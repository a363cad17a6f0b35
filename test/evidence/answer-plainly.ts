import { wordsOf } from "@locum/audit/projection";
import type { AuditAnswer, AuditCondition, AuditField, AuditRecord, AuditSearch } from "@locum/contracts";

type Value = string | number | null | undefined;

/** The meaning of a question, written plainly over an array: what every engine is held against. */
export function answerPlainly(search: AuditSearch, records: readonly AuditRecord[]): AuditAnswer {
  const found = records.filter((record) => search.filter.every((condition) => matches(condition, record)));
  const keys = search.sort.some(({ field }) => field === "seq")
    ? search.sort.slice(0, search.sort.findIndex(({ field }) => field === "seq") + 1)
    : [...search.sort, { field: "seq" as const, order: "asc" as const }];
  const placeOf = (record: AuditRecord) => keys.map(({ field }) => fieldOf(record, field) ?? "");
  const compare = (a: readonly Value[], b: readonly Value[]): number => {
    for (const [index, { order }] of keys.entries()) {
      const way = compareValues(a[index], b[index]);
      if (way !== 0) return order === "asc" ? way : -way;
    }
    return 0;
  };
  const { after } = search;
  const page = found
    .toSorted((a, b) => compare(placeOf(a), placeOf(b)))
    .filter((record) => !after || compare(placeOf(record), after as Value[]) > 0)
    .slice(0, search.limit);
  const last = page.at(-1);
  return {
    records: page,
    next: last && page.length === search.limit ? placeOf(last) : null,
    aggregations: Object.fromEntries(
      Object.entries(search.aggregations).map(([name, aggregation]) => [name, aggregate(aggregation, found)]),
    ),
  };
}

function matches(condition: AuditCondition, record: AuditRecord): boolean {
  switch (condition.op) {
    case "term":
      return matches({ op: "terms", field: condition.field, values: [condition.value] }, record);
    case "terms": {
      const value = fieldOf(record, condition.field);
      return value != null && condition.values.some((one) => String(one) === String(value));
    }
    case "range": {
      const found = fieldOf(record, condition.field);
      const value = found == null ? Number.NaN : Number(found);
      const { gte = -Infinity, gt = -Infinity, lte = Infinity, lt = Infinity } = condition;
      return value >= gte && value > gt && value <= lte && value < lt;
    }
    case "exists":
      return fieldOf(record, condition.field) != null;
    case "prefix":
      return String(fieldOf(record, condition.field) ?? "").startsWith(condition.value);
    case "text": {
      const words = new Set(wordsOf(record.event.reason));
      const wanted = wordsOf(condition.words);
      return wanted.length > 0 && wanted.every((word) => words.has(word));
    }
    case "not":
      return !matches(condition.condition, record);
    case "any":
      return condition.conditions.some((one) => matches(one, record));
  }
}

function fieldOf({ seq, event }: AuditRecord, field: AuditField): Value {
  if (field === "seq") return seq;
  if (field === "at") return Date.parse(event.at);
  if (field.startsWith("measures.")) {
    const value = event.facts[field.slice("measures.".length)];
    const whole = typeof value === "number" ? Math.trunc(value) : Number.NaN;
    return Number.isSafeInteger(whole) ? whole : null;
  }
  if (!field.startsWith("facts.")) return event[field as "kind"];
  const fact = event.facts[field.slice("facts.".length)];
  return fact == null ? null : String(fact);
}

type Result = AuditAnswer["aggregations"][string];

function aggregate(aggregation: AuditSearch["aggregations"][string], found: readonly AuditRecord[]): Result {
  switch (aggregation.op) {
    case "terms":
      return { buckets: count(found, aggregation.field).slice(0, aggregation.size) };
    case "histogram": {
      const { intervalMs, by } = aggregation;
      const groups = Map.groupBy(
        found,
        ({ event }) => Math.floor(Date.parse(event.at) / intervalMs) * intervalMs,
      );
      return {
        buckets: [...groups]
          .toSorted(([a], [b]) => a - b)
          .map(([key, members]) => ({
            key,
            count: members.length,
            ...(by ? { by: count(members, by) } : {}),
          })),
      };
    }
    case "cardinality":
      return { value: count(found, aggregation.field).length };
    case "stats": {
      const values = found.flatMap((record) => {
        const value = fieldOf(record, aggregation.field);
        return value == null ? [] : [Number(value)];
      });
      const sum = values.reduce((total, value) => total + value, 0);
      const isEmpty = values.length === 0;
      return {
        count: values.length,
        min: isEmpty ? null : Math.min(...values),
        max: isEmpty ? null : Math.max(...values),
        sum,
        avg: isEmpty ? null : sum / values.length,
      };
    }
    case "filters":
      return {
        buckets: Object.entries(aggregation.filters)
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, condition]) => ({
            key,
            count: found.filter((record) => matches(condition, record)).length,
          })),
      };
  }
}

function count(
  records: readonly AuditRecord[],
  field: AuditField,
): { key: string | number; count: number }[] {
  const groups = Map.groupBy(records, (record) => fieldOf(record, field));
  return [...groups]
    .flatMap(([key, members]) => (key == null ? [] : [{ key, count: members.length }]))
    .toSorted((a, b) => b.count - a.count || compareValues(a.key, b.key));
}

const compareValues = (a: Value, b: Value): number =>
  typeof a === "number" && typeof b === "number"
    ? a - b
    : Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
