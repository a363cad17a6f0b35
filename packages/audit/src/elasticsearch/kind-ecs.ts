import { type AuditEvent, AuditKind } from "@locum/contracts";

export const ecsVersion = "9.4.0";

/** How severe an event is, in the steps that Kibana's rules have. */
export const severities = { info: 0, low: 21, medium: 47, high: 73, critical: 99 } as const;

export type KindEcs = {
  /** A fact of the normal course, or one that somebody should look at. */
  kind: "event" | "alert";
  category: "api" | "configuration" | "file" | "host" | "iam" | "intrusion_detection" | "process" | "session";
  type: readonly ("access" | "change" | "creation" | "deletion" | "denied" | "end" | "info" | "start")[];
  severity: keyof typeof severities;
  /** Absent where the fact `outcome` of the record says it, or where nothing was tried. */
  outcome?: "success" | "failure";
};

/** What ECS says of each kind: the big bucket, what happened in it, and how severe that is. */
export const kindEcs: Record<AuditKind, KindEcs> = {
  "collector.start": { kind: "event", category: "process", type: ["start"], severity: "info" },
  "collector.takeover": { kind: "event", category: "process", type: ["change"], severity: "low" },
  "collector.stop": { kind: "event", category: "process", type: ["end"], severity: "info" },
  "sidecar.connect": { kind: "event", category: "session", type: ["start"], severity: "info" },
  "sidecar.disconnect": { kind: "event", category: "session", type: ["end"], severity: "low" },
  "instance.come": { kind: "event", category: "host", type: ["start"], severity: "info" },
  "instance.go": { kind: "event", category: "host", type: ["end"], severity: "low" },
  "verdict.change": { kind: "event", category: "process", type: ["change"], severity: "medium" },
  "divert.start": { kind: "event", category: "configuration", type: ["change"], severity: "medium" },
  "divert.end": { kind: "event", category: "configuration", type: ["change"], severity: "info" },
  "bytes.change": { kind: "event", category: "file", type: ["change"], severity: "medium" },
  "release.approve": { kind: "event", category: "configuration", type: ["creation"], severity: "info" },
  "release.change": { kind: "event", category: "configuration", type: ["change"], severity: "low" },
  "incident.open": { kind: "alert", category: "host", type: ["start"], severity: "high" },
  "incident.close": { kind: "event", category: "host", type: ["end"], severity: "info" },
  "promote.intent": { kind: "event", category: "configuration", type: ["change"], severity: "medium" },
  "promote.commit": {
    kind: "event",
    category: "configuration",
    type: ["change"],
    severity: "medium",
    outcome: "success",
  },
  "promote.abort": {
    kind: "alert",
    category: "configuration",
    type: ["change"],
    severity: "high",
    outcome: "failure",
  },
  "promote.settle": {
    kind: "event",
    category: "configuration",
    type: ["change"],
    severity: "low",
    outcome: "success",
  },
  "restore.intent": { kind: "event", category: "file", type: ["change"], severity: "medium" },
  "restore.result": { kind: "event", category: "file", type: ["change"], severity: "medium" },
  "reload.intent": { kind: "event", category: "process", type: ["change"], severity: "low" },
  "reload.result": { kind: "event", category: "process", type: ["change"], severity: "low" },
  "restart.intent": { kind: "event", category: "process", type: ["change"], severity: "low" },
  "restart.result": { kind: "event", category: "process", type: ["start"], severity: "low" },
  "fence.intent": { kind: "event", category: "configuration", type: ["change"], severity: "medium" },
  "fence.result": { kind: "event", category: "configuration", type: ["change"], severity: "medium" },
  "command.refused": {
    kind: "event",
    category: "api",
    type: ["denied"],
    severity: "medium",
    outcome: "failure",
  },
  "policy.change": { kind: "event", category: "configuration", type: ["change"], severity: "low" },
  "pause.change": { kind: "event", category: "configuration", type: ["change"], severity: "low" },
  "all-wrong": { kind: "alert", category: "host", type: ["info"], severity: "critical" },
  "mass-silence": { kind: "alert", category: "host", type: ["info"], severity: "critical" },
  "budget.exhausted": { kind: "alert", category: "host", type: ["info"], severity: "high" },
  "no-candidate": { kind: "alert", category: "host", type: ["info"], severity: "critical" },
  "drill.intent": { kind: "event", category: "host", type: ["start"], severity: "info" },
  "drill.result": { kind: "event", category: "host", type: ["end"], severity: "low" },
  "input.finding": { kind: "alert", category: "intrusion_detection", type: ["info"], severity: "medium" },
  "operator.order": { kind: "event", category: "api", type: ["access"], severity: "low" },
  "notify.failed": {
    kind: "event",
    category: "host",
    type: ["info"],
    severity: "medium",
    outcome: "failure",
  },
  "erase.intent": { kind: "event", category: "file", type: ["deletion"], severity: "medium" },
  "erase.result": { kind: "event", category: "file", type: ["deletion"], severity: "medium" },
  "witness.refuse": {
    kind: "alert",
    category: "intrusion_detection",
    type: ["denied"],
    severity: "critical",
  },
  "audit.count": { kind: "event", category: "host", type: ["info"], severity: "info" },
  "audit.reject": { kind: "alert", category: "host", type: ["info"], severity: "high", outcome: "failure" },
  "audit.differ": { kind: "alert", category: "intrusion_detection", type: ["info"], severity: "critical" },
  "audit.reconcile": { kind: "event", category: "host", type: ["info"], severity: "info" },
  "inference.root": { kind: "event", category: "host", type: ["info"], severity: "info" },
  "snapshot.take": { kind: "event", category: "file", type: ["creation"], severity: "info" },
  "snapshot.pin": { kind: "event", category: "configuration", type: ["change"], severity: "low" },
  "snapshot.forget": { kind: "event", category: "file", type: ["deletion"], severity: "low" },
  "snapshot.prune": { kind: "event", category: "file", type: ["deletion"], severity: "low" },
  "snapshot.scrub": { kind: "event", category: "file", type: ["access"], severity: "info" },
  "snapshot.drill": { kind: "event", category: "file", type: ["access"], severity: "low" },
  "snapshot.key": { kind: "event", category: "api", type: ["access"], severity: "medium" },
};

/** The part of every document of a kind that is the same: made once. `event` stays open. */
export const kindStart = Object.fromEntries(
  AuditKind.options.map((action) => {
    const { kind, category, type, severity } = kindEcs[action];
    const event = {
      kind,
      category: [category],
      type,
      action,
      severity: severities[severity],
      module: "locum",
      dataset: "locum.audit",
    };
    return [
      action,
      `"ecs":{"version":"${ecsVersion}"},"agent":{"type":"locum"},"event":${JSON.stringify(event).slice(0, -1)}`,
    ];
  }),
) as Record<AuditKind, string>;

const outcomes: Record<string, "success" | "failure"> = {
  done: "success",
  refused: "failure",
  failed: "failure",
};

/** Of ECS: success, failure, or unknown where something was tried and the record does not say how it ended. */
export function outcomeOf(
  kind: AuditKind,
  { outcome }: AuditEvent["facts"],
): "success" | "failure" | "unknown" | undefined {
  if (typeof outcome === "string" && Object.hasOwn(outcomes, outcome)) return outcomes[outcome];
  return kindEcs[kind].outcome ?? (kind.endsWith(".result") ? "unknown" : undefined);
}
