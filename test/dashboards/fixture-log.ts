import { openProjection, type Projection } from "@locum/audit/projection";
import { type AuditEvent, AuditKind } from "@locum/contracts";
import { chainedLines } from "../evidence/chained-lines.ts";

export const hourMs = 3_600_000;
export const firstMs = Date.parse("2026-03-01T00:00:00.000Z");

/** Facts as those who write the records write them. */
const factsOf: Partial<Record<AuditKind, AuditEvent["facts"]>> = {
  "incident.open": { failure: "wrong-output" },
  "incident.close": {
    failure: "wrong-output",
    tookMs: 740,
    drill: true,
    detectMs: 300,
    divertMs: 40,
    rtoMs: 340,
    restoreMs: 1040,
    objectives: "missed",
  },
  "promote.settle": { from: "a", to: "b", epoch: 3, tookMs: 61 },
  "restore.result": { operation: "restore-1-2", outcome: "done", code: "ok", tookMs: 812 },
  "drill.result": { operation: "drill-1-1", outcome: "done", code: "ok", tookMs: 3000, fault: "kill" },
  "input.finding": { model: "digits", rule: "shape" },
  "release.approve": { release: `sha256:${"a".repeat(64)}`, tree: null },
  "audit.count": { counted: "verdict.change", count: 12, total: 40, why: "sampled" },
  "audit.reject": { count: 2, rejected: 1, quarantined: 1 },
  "audit.differ": { count: 1 },
  "audit.reconcile": { count: 0, doubled: 0, foreign: 1, expired: 0, upTo: 100 },
  "inference.root": { batch: "digits/a/2026-03-01/1-2.ndjson", root: "0".repeat(64), count: 500 },
};

/** Four events of every kind, an hour apart from the next kind, of two services. */
export const fixtureEvents: AuditEvent[] = AuditKind.options.flatMap((kind, index) =>
  [0, 1, 2, 3].map((minute) => ({
    kind,
    at: new Date(firstMs + index * hourMs + minute * 60_000).toISOString(),
    service: minute < 3 ? "digits" : "xray",
    instance: minute % 2 === 0 ? "a" : null,
    actor: minute === 3 ? "token:ann" : "collector",
    epoch: index,
    incident: kind.startsWith("incident.") ? `incident-1-${minute}` : null,
    reason: `why ${kind} was`,
    facts: factsOf[kind] ?? {},
  })),
);

/** The embedded store over a log of these events. */
export function fixtureProjection(): Projection {
  const projection = openProjection(":memory:");
  projection.add(chainedLines(fixtureEvents));
  return projection;
}
