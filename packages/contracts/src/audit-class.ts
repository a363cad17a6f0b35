import { z } from "zod";
import { AuditKind } from "./audit-event.ts";

/** What a rule of Locum can rely on: intent before action, or counted under pressure. */
export const AuditClass = z.enum(["strict", "durable", "counted"]);
export type AuditClass = z.infer<typeof AuditClass>;

/**
 * `strict`: the action does not run before this is on disk. `durable`: acknowledged when on disk. `counted`: under
 * pressure only its number is, exactly (`audit.count`).
 */
export const auditClassOf = (kind: AuditKind): AuditClass =>
  kind === "input.finding" ? "counted" : strictKinds.has(kind) ? "strict" : "durable";

const strictKinds: ReadonlySet<AuditKind> = new Set(
  AuditKind.options.filter(
    (kind) =>
      kind.endsWith(".intent") ||
      kind.startsWith("promote.") ||
      ["release.approve", "policy.change", "pause.change", "operator.order"].includes(kind) ||
      ["snapshot.pin", "snapshot.forget", "snapshot.prune", "snapshot.key"].includes(kind),
  ),
);
