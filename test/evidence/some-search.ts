import {
  type AuditCondition,
  type AuditEvent,
  type AuditKeyword,
  AuditKind,
  type AuditNumber,
  AuditSearch,
} from "@locum/contracts";
import fc from "fast-check";

const kinds = AuditKind.options.slice(0, 6);
const services = ["digits", "chest-xray"];
/** Some are longer than any engine's longest, and some are others in lower case or in plain width. */
const long = "x".repeat(220);
const words = [
  ...["two", "golden", "failed", "模型", "損壞了", "it's", "a_b", "NEAR(", '"', "été"],
  ...[long, "İstanbul", "ｗｉｄｅ", "ﬁre", "٣", "𝒜", "e\u0301t", "a\u200db"],
];
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
    fc.constantFrom("n", "a.b", "on", "tookMs", "bytes", "two words", "a..b"),
    fc.oneof(
      fc.nat(200),
      fc.constantFrom<string | number | boolean | null>(
        ...["5", 5, 10, 9, 0.5, true, null, "x", ""],
        // The last numbers are no measures: beyond 2^53 no two engines count alike.
        ...["2026", -1.5, 8_000_000_000_000, 9_007_199_254_740_992, 1e21, -9e300],
      ),
    ),
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
  "facts.tookMs",
  "measures.tookMs",
  "measures.bytes",
  "measures.rpoMs",
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
    // What a date can be taken for, no number, and more than any.
    2026,
    "2026-01-02",
    0.5,
    "-1",
    "",
    9_007_199_254_740_991,
    1e300,
    "1e300",
  ),
  times,
);
const keyword = fc.constantFrom<AuditKeyword>(
  ...(["kind", "service", "instance", "actor", "incident", "facts.n", "facts.a.b", "reason"] as const),
);
const bound = fc.oneof(
  { weight: 6, arbitrary: times },
  fc.constantFrom(0.5, -0.5, 3_600_000.25, 1e300, -1e300, 9_007_199_254_740_992, -1, 5, 9),
);
const bounds = fc.record({ gte: bound, gt: bound, lte: bound, lt: bound }, { requiredKeys: [] });
const number = fc.constantFrom<AuditNumber>(
  ...(["seq", "at", "epoch", "measures.tookMs", "measures.bytes", "measures.rpoMs"] as const),
);

const leaf: fc.Arbitrary<AuditCondition> = fc.oneof(
  fc.record({ op: fc.constant("term" as const), field, value }),
  fc.record({
    op: fc.constant("terms" as const),
    field: fc.constantFrom("kind", "service") as typeof field,
    values: fc.array(fc.constantFrom(...kinds, ...services), { minLength: 1, maxLength: 4 }),
  }),
  bounds.map((given) => ({ op: "range" as const, field: "at" as const, ...given })),
  fc.tuple(number, bounds).map(([by, given]) => ({ op: "range" as const, field: by, ...given })),
  fc.record({ op: fc.constant("range" as const), field: fc.constantFrom("seq", "epoch"), gte: fc.nat(40) }),
  fc.record({ op: fc.constant("exists" as const), field }),
  fc.record({
    op: fc.constant("prefix" as const),
    field: keyword,
    value: fc.constantFrom("s", "sidecar", "d", "5", "i-", "two", "token:", "token:🌊", "A", "été"),
  }),
  fc.record({
    op: fc.constant("text" as const),
    words: fc.constantFrom(
      ...[
        ...words,
        "two failed",
        "型",
        "TWO",
        "b",
        "!",
        "wide",
        "fire",
        "i\u0307stanbul",
        "istanbul",
        "3",
        "ét",
      ],
      ...["x".repeat(100), "x".repeat(20), "x".repeat(300), "a"],
    ),
  }),
);
const condition: fc.Arbitrary<AuditCondition> = fc.oneof(
  { weight: 4, arbitrary: leaf },
  leaf.map((inner) => ({ op: "not" as const, condition: inner })),
  fc.array(leaf, { minLength: 1, maxLength: 3 }).map((conditions) => ({ op: "any" as const, conditions })),
  fc.array(leaf, { minLength: 1, maxLength: 2 }).map((conditions) => ({
    op: "not" as const,
    condition: { op: "any" as const, conditions },
  })),
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
  fc.record({ op: fc.constant("stats"), field: number }),
  fc.record({
    op: fc.constant("filters"),
    filters: fc.dictionary(fc.constantFrom("one", "two"), leaf, { minKeys: 1 }),
  }),
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
