import { type AuditEvent, AuditKind } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { leafHash } from "../merkle/merkle-hash.ts";
import { fitEvent, noRecord, sealLine } from "../seal-record.ts";
import { someEvent } from "../testing/some-event.ts";
import { documentOf, envelopeOf } from "./document.ts";
import { mappingProblems } from "./testing/mapping-problems.ts";

const logId = "5d2f";
const lineOf = (event: AuditEvent, seq = 0): string =>
  sealLine(fitEvent(event), { ...noRecord, seq: seq - 1 }).line;
const read = (line: string) => {
  const { text, ...rest } = documentOf(line, { logId });
  return { ...rest, document: JSON.parse(text) };
};

test("a record as a document of ECS", () => {
  const line = lineOf(
    someEvent({
      kind: "restore.result",
      incident: "i-1",
      reason: "Two of 3.5 files, 模型 among them",
      facts: { outcome: "failed", code: "disk-full", tookMs: 12.9, tries: 2, byItself: true, none: null },
    }),
    258,
  );
  expect(read(line)).toEqual({
    id: "5d2f.0000000000000102",
    stream: "audit",
    document: {
      "@timestamp": "2026-01-02T03:04:05.000Z",
      message: "Two of 3.5 files, 模型 among them",
      ecs: { version: "9.4.0" },
      agent: { type: "locum" },
      event: {
        kind: "event",
        category: ["file"],
        type: ["change"],
        action: "restore.result",
        severity: 47,
        module: "locum",
        dataset: "locum.audit",
        outcome: "failure",
        provider: "sidecar",
        reason: "Two of 3.5 files, 模型 among them",
        sequence: 258,
        hash: leafHash(line).toString("hex"),
        original: line,
      },
      service: { name: "digits", node: { name: "a" } },
      error: { code: "disk-full" },
      locum: {
        actor: "sidecar:a",
        epoch: 1,
        incident: { id: "i-1" },
        log: { id: logId },
        words: "two of 3 5 files 模 型 among them",
        details: { outcome: "failed", code: "disk-full", tookMs: "12.9", tries: "2", byItself: "true" },
        measures: { tookMs: 12 },
      },
    },
  });
});

const text = fc.string({ unit: "binary", maxLength: 1200 });
const name = fc.oneof(
  fc.constantFrom(
    "tookMs",
    "bytes",
    "count",
    "code",
    "outcome",
    "pod",
    "container",
    "__proto__",
    "a..b",
    ".",
    "",
  ),
  fc.string({ unit: "binary", maxLength: 80 }),
);
const hostileEvent: fc.Arbitrary<AuditEvent> = fc.record({
  kind: fc.constantFrom(...AuditKind.options),
  at: fc
    .tuple(
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
      fc.constantFrom("", "123456789", "1234567890123"),
    )
    .map(([date, more]) => date.toISOString().replace("Z", `${more}Z`)),
  service: text,
  instance: fc.option(text),
  actor: text,
  epoch: fc.maxSafeNat(),
  incident: fc.option(text),
  reason: text,
  facts: fc.dictionary(name, fc.oneof(text, fc.double(), fc.boolean(), fc.constant(null)), { maxKeys: 70 }),
});

test("whatever the log takes, the mapping takes, and the line in it is the line", () => {
  fc.assert(
    fc.property(hostileEvent, fc.maxSafeNat(), (event, seq) => {
      const line = lineOf(event, seq);
      const { document } = read(line);
      expect(mappingProblems(document)).toEqual([]);
      expect(document.event.original).toBe(line);
      const envelope = JSON.parse(envelopeOf(line, { logId, reason: event.reason }).text);
      expect(mappingProblems(envelope)).toEqual([]);
      expect(envelope.event.original).toBe(line);
    }),
    { numRuns: 300 },
  );
});

test("a time with more digits than Elasticsearch reads is cut to milliseconds", () => {
  const { document } = read(lineOf(someEvent({ at: "2026-01-02T03:04:05.1239999999999Z" })));
  expect(document["@timestamp"]).toBe("2026-01-02T03:04:05.123Z");
});

test("facts that are numbers in name only, or beyond every index, are no measures", () => {
  const { document } = read(
    lineOf(someEvent({ facts: { tookMs: "fast", bytes: 1e300, count: -0, "a..b": 1 } })),
  );
  expect(document.locum.measures).toEqual({ count: 0 });
  expect(document.locum.details).toEqual({ tookMs: "fast", bytes: "1e+300", count: "0" });
});

test("an envelope of core fields; without the line where that is too large", () => {
  const line = lineOf(someEvent(), 7);
  const whole = envelopeOf(line, { logId, reason: "object mapping for [locum.details] found a text" });
  expect(whole).toMatchObject({ id: "5d2f.0000000000000007", stream: "audit" });
  const event = { kind: "pipeline_error", module: "locum", dataset: "locum.audit", sequence: 7 };
  const hash = leafHash(line).toString("hex");
  expect(JSON.parse(whole.text)).toEqual({
    "@timestamp": "2026-01-02T03:04:05.000Z",
    ecs: { version: "9.4.0" },
    event: { ...event, hash, original: line },
    error: { message: "object mapping for [locum.details] found a text" },
    locum: { log: { id: logId } },
  });
  const cut = JSON.parse(envelopeOf(line, { logId, reason: "413", originalMax: 10 }).text);
  expect(cut.event).toEqual({ ...event, hash, reference: "locum:5d2f.0000000000000007" });
});

test("an actor cannot pretend another time", () => {
  const line = lineOf(someEvent({ actor: 'x","at":"1999-01-01T00:00:00.000Z' }));
  const { text: envelope } = envelopeOf(line, { logId, reason: "r" });
  expect(JSON.parse(envelope)["@timestamp"]).toBe("2026-01-02T03:04:05.000Z");
});

test.each(["", "{}", '{"event":{}}'])("%j is no line of a log", (line) => {
  expect(() => envelopeOf(line, { logId, reason: "r" })).toThrow("line of the log");
});
