import type { AuditEvent, AuditKind } from "@locum/contracts";
import type { PodEvent } from "./event-writer.ts";

/** What an audit event is to those who look at the pod with kubectl; null where it is no news there. */
export function podEventOf({ kind, reason, epoch, facts }: AuditEvent): Omit<PodEvent, "pod"> | null {
  const row = rows[kind];
  if (!row) return null;
  const [type, name, action] = row;
  const outcome = facts.outcome ?? facts.code;
  const failed = typeof outcome === "string" && outcome !== "done" && outcome !== "ok";
  const at = kind.startsWith("promote.") ? ` (epoch ${epoch})` : "";
  return { type: failed ? "Warning" : type, reason: name, action, note: `${reason}${at}` };
}

const rows: { [K in AuditKind]?: readonly ["Normal" | "Warning", string, string] } = {
  "divert.start": ["Warning", "Diverted", "Divert"],
  "divert.end": ["Normal", "DivertEnded", "Divert"],
  "incident.open": ["Warning", "IncidentOpened", "Judge"],
  "incident.close": ["Normal", "IncidentClosed", "Judge"],
  "promote.commit": ["Normal", "Promoted", "Promote"],
  "promote.abort": ["Warning", "PromotionAborted", "Promote"],
  "no-candidate": ["Warning", "NobodyCanStandIn", "Promote"],
  "fence.result": ["Normal", "Fenced", "Fence"],
  "restore.intent": ["Normal", "Restoring", "Restore"],
  "restore.result": ["Normal", "Restored", "Restore"],
  "reload.result": ["Normal", "Reloaded", "Reload"],
  "restart.result": ["Normal", "Restarted", "Restart"],
  "budget.exhausted": ["Warning", "PersonNeeded", "Judge"],
};
