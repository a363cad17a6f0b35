import { z } from "zod";

/** Every kind of audit event. An `.intent` is on disk before its action starts; a `.result` closes it. */
export const AuditKind = z.enum([
  "collector.start",
  "collector.takeover",
  "collector.stop",
  "sidecar.connect",
  "sidecar.disconnect",
  "instance.come",
  "instance.go",
  "verdict.change",
  "divert.start",
  "divert.end",
  "bytes.change",
  "release.approve",
  "release.change",
  "incident.open",
  "incident.close",
  "promote.intent",
  "promote.commit",
  "promote.abort",
  "promote.settle",
  "restore.intent",
  "restore.result",
  "reload.intent",
  "reload.result",
  "restart.intent",
  "restart.result",
  "fence.intent",
  "fence.result",
  "command.refused",
  "policy.change",
  "pause.change",
  "all-wrong",
  "mass-silence",
  "budget.exhausted",
  "no-candidate",
  "drill.intent",
  "drill.result",
  "input.finding",
  "operator.order",
  "notify.failed",
  "erase.intent",
  "erase.result",
  "witness.refuse",
  "audit.count",
  "audit.reject",
  "audit.differ",
  "audit.reconcile",
  "inference.root",
  "snapshot.take",
  "snapshot.pin",
  "snapshot.forget",
  "snapshot.prune",
  "snapshot.scrub",
  "snapshot.drill",
  "snapshot.key",
]);
export type AuditKind = z.infer<typeof AuditKind>;

/** One fact of the audit log. Holds no payloads: `facts` are names, numbers, digests and codes. */
export const AuditEvent = z.object({
  kind: AuditKind,
  at: z.iso.datetime().describe("wall clock of the writer, for people; order is the sequence number"),
  service: z.string(),
  instance: z.string().nullable(),
  actor: z.string().max(128).describe("collector, sidecar:<id>, or token:<name>"),
  epoch: z.number().int().min(0),
  incident: z.string().nullable(),
  reason: z.string().max(1000),
  facts: z.record(z.string().max(64), z.union([z.string().max(1000), z.number(), z.boolean(), z.null()])),
});
export type AuditEvent = z.infer<typeof AuditEvent>;

/** As it stands in the log: numbered without gaps and chained by SHA-256 over the canonical JSON. */
export const AuditRecord = z.object({
  seq: z.number().int().min(0),
  event: AuditEvent,
  previous: z.string().regex(/^[0-9a-f]{64}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type AuditRecord = z.infer<typeof AuditRecord>;
