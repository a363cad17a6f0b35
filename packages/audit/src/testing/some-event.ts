import type { AuditEvent } from "@locum/contracts";

export const someEvent = (changes: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: "verdict.change",
  at: "2026-01-02T03:04:05.000Z",
  service: "digits",
  instance: "a",
  actor: "sidecar:a",
  epoch: 1,
  incident: null,
  reason: "two goldens failed",
  facts: { failed: 2 },
  ...changes,
});
