import type { AuditEvent } from "@locum/contracts";
import { type AuditCondition, AuditKind, AuditSearch } from "@locum/contracts";
import fc from "fast-check";

const kinds = AuditKind.options.slice(0, 6);
const services = ["digits", "chest-xray"];
const words = ["two", "golden", "failed", "模型", "損壞了", "it's", "a_b", "NEAR(", '"', "été"];
/** Around an hour's end and around 1970, where roundings go wrong. */
const times = fc.oneof(
  fc.integer({ min: 1_767_322_000_000, max: 1_767_322_000_000 + 20_000_000 }),
  fc.integer({ min: -8_000_000, max: 8_000_000 }),
  { weight: 4, arbitrary: fc.constantFrom(-3_600_000, 0, 3_600_000, 3_600_001, 7_199_999, 7_200_000) },
);

export const arbitraryEvent: fc.Arbitrary<AuditEvent> = fc.record({
  kind: fc.constantFrom(...kinds),
  at: times.map((at) => new Date(at).toISOString()),
  service: fc.constantFrom(...services),
  instance: fc.constantFrom("a", "b", null),
  actor: fc.constantFrom("collector", "sidecar:a", "token:ops", "token:🌊"),
  epoch: fc.nat(3),
  incident: fc.constantFrom("i-1", "i-2", null),
  reason: fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((list) => list.join(" ")),
  facts: fc.dictionary(
    fc.constantFrom("n", "a.b", "on"),
    fc.constantFrom<string | number | boolean | null>("5", 5, 10, 9, 0.5, true, null, "x"),
  ),
});

const field = fc.constantFrom(
  "seq",
  "at",
  "kind",
  "service",
  "instance",
  "actor",
  "epoch",
  "incident",
  "reason",
  "facts.n",
  "facts.a.b",
  "facts.none",
) as fc.Arbitrary<Extract<AuditCondition, { op: "exists" }>["field"]>;
const value = fc.oneof(
  fc.constantFrom<string | number | boolean>(
    ...kinds,
    ...services,
    "a",
    "i-1",
    "5",
    5,
    0,
    1,
    true,
    "two golden",
  ),
  times,
);
const textField = fc.constantFrom(
  "kind",
  "service",
  "actor",
  "incident",
  "facts.n",
  "reason",
) as typeof field;
const bounds = fc.record({ gte: times, gt: times, lte: times, lt: times }, { requiredKeys: [] });

const leaf: fc.Arbitrary<AuditCondition> = fc.oneof(
  fc.record({ op: fc.constant("term" as const), field, value }),
  fc.record({
    op: fc.constant("terms" as const),
    field: fc.constantFrom("kind", "service") as typeof field,
    values: fc.array(fc.constantFrom(...kinds, ...services), { minLength: 1, maxLength: 4 }),
  }),
  bounds.map((given) => ({ op: "range" as const, field: "at" as const, ...given })),
  fc.record({ op: fc.constant("range" as const), field: fc.constantFrom("seq", "epoch"), gte: fc.nat(40) }),
  fc.record({ op: fc.constant("exists" as const), field }),
  fc.record({
    op: fc.constant("prefix" as const),
    field: textField,
    value: fc.constantFrom("s", "sidecar", "d", "5", "i-", "two", "token:"),
  }),
  fc.record({
    op: fc.constant("text" as const),
    words: fc.constantFrom(...words, "two failed", "型", "TWO", "b", "!"),
  }),
);
const condition: fc.Arbitrary<AuditCondition> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  leaf.map((inner) => ({ op: "not" as const, condition: inner })),
  fc.array(leaf, { minLength: 1, maxLength: 3 }).map((conditions) => ({ op: "any" as const, conditions })),
);

const aggregation = fc.oneof(
  fc.record({ op: fc.constant("terms"), field, size: fc.constantFrom(2, 100) }),
  fc.record(
    {
      op: fc.constant("histogram"),
      intervalMs: fc.constantFrom(60_000, 3_600_000, 86_400_000, 5_400_000),
      by: fc.constantFrom("kind", "service"),
    },
    { requiredKeys: ["op", "intervalMs"] },
  ),
  fc.record({ op: fc.constant("cardinality"), field }),
  fc.record({ op: fc.constant("stats"), field: fc.constantFrom("epoch", "at", "seq") }),
  fc.record({ op: fc.constant("filters"), filters: fc.dictionary(fc.constantFrom("one", "two"), leaf) }),
);

/** Questions as they come from outside, through the schema. */
export const arbitrarySearch: fc.Arbitrary<AuditSearch> = fc
  .record({
    filter: fc.array(condition, { maxLength: 3 }),
    sort: fc.uniqueArray(
      fc.record({
        field: fc.constantFrom("seq", "at", "kind", "service", "actor", "epoch"),
        order: fc.constantFrom("asc", "desc"),
      }),
      { maxLength: 3, selector: ({ field: by }) => by },
    ),
    limit: fc.constantFrom(0, 1, 7, 1000),
    aggregations: fc.dictionary(fc.constantFrom("x", "y"), aggregation, { maxKeys: 2 }),
  })
  .map((search) => AuditSearch.parse(search));
