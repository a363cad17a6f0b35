import { type AuditEvent, AuditKind } from "@locum/contracts";

export const dayMs = 86_400_000;
export const startMs = Date.parse("2026-01-01T00:00:00.000Z");

/** Thirty days of a fleet: four services, fifty instances. */
export function benchEvent(index: number, count: number): AuditEvent {
  return {
    kind: AuditKind.options[index % 20] ?? "verdict.change",
    at: new Date(startMs + Math.floor((index / count) * 30 * dayMs)).toISOString(),
    service: `service-${(index >> 3) % 4}`,
    instance: `instance-${index % 50}`,
    actor: `sidecar:instance-${index % 50}`,
    epoch: index % 7,
    incident: index % 10 === 0 ? `i-${index / 10}` : null,
    reason: `two goldens failed on golden number${index % 1000}: class 3 expected, 8 answered`,
    facts: { failed: index % 5, golden: `g${index % 1000}`, digest: "sha256:5e0c9b7f", ms: index % 977 },
  };
}
