import { z } from "zod";
import { AuditRecord } from "./audit-event.ts";

const Text = z.string().max(1000);
const Value = z.union([Text, z.number(), z.boolean()]);

/**
 * Facts that are numbers wherever they stand. They are asked as numbers under `measures.`; every other fact is a
 * keyword to Elasticsearch, which orders 10 before 9.
 */
export const auditMeasures = [
  "tookMs",
  "detectMs",
  "divertMs",
  "firstAnswerMs",
  "restoreMs",
  "rtoMs",
  "rpoMs",
  "count",
  "bytes",
] as const;
export type AuditMeasure = (typeof auditMeasures)[number];

export const AuditNumber = z.union([
  z.enum(["seq", "at", "epoch"]),
  z.templateLiteral(["measures.", z.enum(auditMeasures)]),
]);
export type AuditNumber = z.infer<typeof AuditNumber>;

/** A name of a fact: other names are kept, and nobody can ask for them, for no server indexes `a..b`. */
const factName = /^(?=.{1,64}$)[\w:-]+(?:\.[\w:-]+)*$/;

/** What is compared as a text, and can be asked for by how it begins. */
export const AuditKeyword = z.union([
  z.enum(["kind", "service", "instance", "actor", "incident", "reason"]),
  z.templateLiteral(["facts.", z.string().regex(factName)]),
]);
export type AuditKeyword = z.infer<typeof AuditKeyword>;

/** What a record can be asked by: columns of every record, and facts by name. */
export const AuditField = z
  .union([
    z.enum(["seq", "at", "kind", "service", "instance", "actor", "epoch", "incident", "reason"]),
    z.templateLiteral(["measures.", z.enum(auditMeasures)]),
    z.templateLiteral(["facts.", z.string().regex(factName)]),
  ])
  .describe("a column, facts.NAME, or measures.NAME for the facts that are numbers");
export type AuditField = z.infer<typeof AuditField>;

/** One condition. `at` is compared as milliseconds since 1970. */
export type AuditCondition =
  | { op: "term"; field: AuditField; value: string | number | boolean }
  | { op: "terms"; field: AuditField; values: (string | number | boolean)[] }
  | {
      op: "range";
      field: AuditNumber;
      gte?: number | undefined;
      gt?: number | undefined;
      lte?: number | undefined;
      lt?: number | undefined;
    }
  | { op: "exists"; field: AuditField }
  | { op: "prefix"; field: AuditKeyword; value: string }
  | { op: "text"; words: string }
  | { op: "not"; condition: AuditCondition }
  | { op: "any"; conditions: AuditCondition[] };

const leaf = [
  z.strictObject({ op: z.literal("term"), field: AuditField, value: Value }),
  z.strictObject({ op: z.literal("terms"), field: AuditField, values: z.array(Value).min(1).max(100) }),
  z.strictObject({
    op: z.literal("range"),
    field: AuditNumber,
    gte: z.number().optional(),
    gt: z.number().optional(),
    lte: z.number().optional(),
    lt: z.number().optional(),
  }),
  z.strictObject({ op: z.literal("exists"), field: AuditField }),
  z.strictObject({ op: z.literal("prefix"), field: AuditKeyword, value: Text.min(1) }),
  z.strictObject({
    op: z.literal("text"),
    words: Text.min(1).describe("every word is in the reason, in any order"),
  }),
] as const;

/** Conditions nest three deep and no deeper: a question from outside must not cost without bound. */
const nested = <C extends z.ZodType<AuditCondition>>(inner: C) =>
  z.discriminatedUnion("op", [
    ...leaf,
    z.strictObject({ op: z.literal("not"), condition: inner }),
    z.strictObject({ op: z.literal("any"), conditions: z.array(inner).min(1).max(20) }),
  ]);
export const AuditCondition: z.ZodType<AuditCondition> = nested(
  nested(z.discriminatedUnion("op", [...leaf])),
);

/** Fields that every record has: an order over others would depend on where the engine puts what is missing. */
export const AuditSortField = z.enum(["seq", "at", "kind", "service", "actor", "epoch"]);

/** Buckets and figures over all records that match, whatever the page. */
export const AuditAggregation = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("terms"),
    field: AuditField,
    size: z.number().int().min(1).max(1000).default(10).describe("the most frequent so many"),
  }),
  z.strictObject({
    op: z.literal("histogram"),
    intervalMs: z.number().int().min(60_000).max(31_536_000_000).multipleOf(60_000),
    by: z.enum(["kind", "service"]).optional().describe("one count for each value of it"),
  }),
  z
    .strictObject({ op: z.literal("cardinality"), field: AuditField })
    .describe("how many different values; in Elasticsearch within one in a hundred beyond some thousands"),
  z
    .strictObject({ op: z.literal("stats"), field: AuditNumber })
    .describe("the sum is exact up to 2^53 and rounded beyond it, and so is the average"),
  z.strictObject({
    op: z.literal("filters"),
    filters: z
      .record(z.string().max(64), AuditCondition)
      .refine((filters) => Object.keys(filters).length > 0, "expected at least one"),
  }),
]);
export type AuditAggregation = z.infer<typeof AuditAggregation>;

/** One question to the evidence, for the embedded store and for Elasticsearch alike. */
export const AuditSearch = z
  .strictObject({
    filter: z.array(AuditCondition).max(20).default([]).describe("all of them"),
    sort: z
      .array(z.strictObject({ field: AuditSortField, order: z.enum(["asc", "desc"]).default("asc") }))
      .max(3)
      .default([{ field: "seq", order: "asc" }]),
    after: z
      .array(z.union([Text, z.int()]))
      .max(4)
      .optional()
      .describe("`next` of the answer before"),
    limit: z.number().int().min(0).max(1000).default(100),
    aggregations: z.record(z.string().regex(/^[a-zA-Z][\w-]{0,63}$/), AuditAggregation).default({}),
  })
  .refine(({ sort, after }) => after === undefined || isPlaceIn(auditOrder(sort), after), {
    path: ["after"],
    message: "expected `next` of an answer to a question with this order",
  });
export type AuditSearch = z.infer<typeof AuditSearch>;

export type AuditSortKey = { field: z.infer<typeof AuditSortField>; order: "asc" | "desc" };

/** The order asked for, and then the number: no two records are equal in it. */
export function auditOrder(sort: readonly AuditSortKey[]): AuditSortKey[] {
  const last = sort.findIndex(({ field }) => field === "seq");
  return last === -1 ? [...sort, { field: "seq", order: "asc" }] : sort.slice(0, last + 1);
}

const isPlaceIn = (order: readonly AuditSortKey[], after: readonly (string | number)[]): boolean =>
  after.length === order.length &&
  order.every(({ field }, index) => {
    const type = field === "seq" || field === "at" || field === "epoch" ? "number" : "string";
    return typeof after[index] === type;
  });

const Bucket = z.object({ key: z.union([z.string(), z.number(), z.boolean()]), count: z.number() });
export const AuditAnswer = z.object({
  records: z.array(AuditRecord),
  next: z
    .array(z.union([z.string(), z.number()]))
    .nullable()
    .describe("where the next page begins; null at the end"),
  aggregations: z.record(
    z.string(),
    z.union([
      z.object({ buckets: z.array(Bucket.extend({ by: z.array(Bucket).optional() })) }),
      z.object({ value: z.number() }),
      z.object({
        count: z.number(),
        min: z.number().nullable(),
        max: z.number().nullable(),
        sum: z.number(),
        avg: z.number().nullable(),
      }),
    ]),
  ),
});
export type AuditAnswer = z.infer<typeof AuditAnswer>;
