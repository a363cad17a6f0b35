import { AuditEvent, AuditKind, canonicalJson } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { eventText, fitEvent } from "./seal-record.ts";

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constant("x".repeat(1001)),
);
const fact = fc.oneof(text, fc.double(), fc.integer(), fc.boolean(), fc.constant(null));
const name = fc.oneof(
  fc.string({ maxLength: 70 }),
  fc.integer({ min: 0, max: 40 }).map(String),
  fc.constantFrom("__proto__", "constructor", "\ud800", ""),
);
const anyEvent = fc.record({
  kind: fc.constantFrom(...AuditKind.options),
  at: fc.oneof(
    fc
      .date({ noInvalidDate: true, min: new Date("1990-01-01"), max: new Date("2090-01-01") })
      .map((at) => at.toISOString()),
    fc.constantFrom("2026-02-30T00:00:00.000Z", "2026-02-29T23:59:59Z", "yesterday"),
  ),
  service: text,
  instance: fc.option(text),
  actor: text,
  epoch: fc.oneof(fc.nat(), fc.constantFrom(-1, 1.5, 2 ** 60)),
  incident: fc.option(text),
  reason: text,
  facts: fc.array(fc.tuple(name, fact), { maxLength: 70 }).map((entries) => Object.fromEntries(entries)),
});

test("whatever is let in keeps to the schema, and its text is the canonical one", () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      let fitted: AuditEvent;
      try {
        fitted = fitEvent(event as AuditEvent);
      } catch (error) {
        expect(error).toMatchObject({ code: "request-invalid" });
        return;
      }
      expect(AuditEvent.parse(fitted)).toEqual(fitted);
      expect(eventText(fitted)).toBe(canonicalJson(fitted));
    }),
    { numRuns: 2000 },
  );
});

test("what the schema refuses is refused", () => {
  const event = {
    kind: "pause.change",
    at: "2026-01-02T03:04:05.000Z",
    service: "s",
    instance: null,
    actor: "a",
  };
  const whole = { ...event, epoch: 0, incident: null, reason: "r", facts: {} };
  expect(fitEvent(whole as AuditEvent)).toEqual(whole);
  for (const wrong of [
    { kind: "other" },
    { at: "2026-02-30T00:00:00.000Z" },
    { epoch: -1 },
    { facts: { a: {} } },
  ])
    expect(() => fitEvent({ ...whole, ...wrong } as AuditEvent)).toThrow(/not an audit event/);
});
