import { AuditKind, AuditSearch } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type AuditView, auditLink, auditSearch, readAuditView } from "./audit-view.ts";

const text = fc.option(
  fc
    .string({ unit: "binary", minLength: 1, maxLength: 200 })
    .map((value) => value.toWellFormed().trim())
    .filter((value) => value !== "" && value.length <= 200),
);
const second = fc.option(
  fc.integer({ min: -30_000_000_000, max: 250_000_000_000 }).map((value) => value * 1000),
);
const view: fc.Arbitrary<AuditView> = fc.record({
  kinds: fc.uniqueArray(fc.constantFrom(...AuditKind.options), { maxLength: 5 }),
  service: text,
  instance: text,
  incident: text,
  actor: text,
  text,
  fromMs: second,
  toMs: second,
  order: fc.constantFrom("asc" as const, "desc" as const),
  after: fc.option(fc.nat()),
});
const queryOf = (href: string) => new URL(href, "http://collector").searchParams;

test("every view is an address, and comes back from it", () => {
  fc.assert(
    fc.property(view, (one) => {
      expect(readAuditView(queryOf(auditLink(one, { after: one.after })))).toEqual(one);
    }),
  );
});

test("every view is a question that the log takes", () => {
  fc.assert(
    fc.property(view, (one) => {
      expect(AuditSearch.safeParse(auditSearch(one, 60_000)).success).toBe(true);
    }),
  );
});

test("another filter begins at the first page", () => {
  const one = readAuditView(new URLSearchParams("after=40&service=s"));
  expect(auditLink(one, { kinds: ["incident.open"] })).toBe("/audit?kind=incident.open&service=s");
});

test("any query is a view or a fault that names its parameter", () => {
  const names = ["kind", "service", "from", "to", "after", "order", "text"];
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...names), fc.string({ unit: "binary" }))), (pairs) => {
      try {
        readAuditView(new URLSearchParams(pairs));
      } catch (error) {
        expect(error).toMatchObject({
          code: "request-invalid",
          message: expect.stringMatching(/^\w+: expected/),
        });
      }
    }),
  );
});

test.each([
  ["2030-01-31", "2030-01-31T00:00:00.000Z"],
  ["2030-01-31T12:30", "2030-01-31T12:30:00.000Z"],
  ["2030-01-31T12:30:05", "2030-01-31T12:30:05.000Z"],
  ["2030-01-31T12:30:05.5Z", "2030-01-31T12:30:05.500Z"],
])("a time without a zone is UTC: %s", (given, at) => {
  expect(readAuditView(new URLSearchParams({ from: given })).fromMs).toBe(Date.parse(at));
});
