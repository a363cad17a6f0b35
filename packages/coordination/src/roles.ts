import type { Member } from "./decision.ts";
import { isAwaited, membersOf, send, setDurable, type Turn } from "./turn.ts";

/** Roles are level-based: whoever reports another role than the stored one is told, as often as it takes. */
export function keepRoles(turn: Turn): void {
  for (const member of membersOf(turn)) {
    const { id, report, connected, contested, answeredAtMs, heardAtMs } = member;
    const { promotion } = turn.state.durable;
    if (!report || !connected || contested || promotion?.from === id) continue;
    standBy(turn, member);
    const { roles, epoch } = turn.state.durable;
    const role = roles[id];
    if (role === undefined || (report.role === role && report.epoch === epoch)) continue;
    if (isAwaited(turn, id, "promote", "demote", "fence", "prepare")) continue;
    // It has answered, and what it reported before that is old: without the wait this would repeat at wire speed.
    if (answeredAtMs !== null && (heardAtMs ?? 0) <= answeredAtMs) continue;
    if (role === "active" && report.role !== "active" && mayBeTold(turn, member))
      send(turn, id, `role/${epoch}/${id}/promote`, { kind: "promote" }, "its role in this epoch");
    else if (role === "standby" && report.role !== "standby")
      send(turn, id, `role/${epoch}/${id}/demote`, { kind: "demote" }, "its role in this epoch");
    else if (role === "fenced" && report.role === "active")
      send(turn, id, `role/${epoch}/${id}/fence`, { kind: "fence" }, "its role in this epoch");
  }
}

/** A fenced instance that is proven right again may stand by: it serves nothing until a promotion. */
function standBy(turn: Turn, { id, report }: Member): void {
  const { roles } = turn.state.durable;
  if (roles[id] === "fenced" && report?.verdict.kind === "healthy")
    setDurable(turn, { roles: { ...roles, [id]: "standby" } });
}

/**
 * An exclusive active that fenced itself comes back through a promotion only, with a higher epoch, and like any other
 * candidate not before the commit: until then it has proven nothing, and an older boot of it may still hold a lease.
 */
function mayBeTold({ state: { plan, durable } }: Turn, { id, incarnation }: Member): boolean {
  const { promotion } = durable;
  if (plan.class === "stateless") return true;
  return promotion?.to === id && promotion.phase === "verify" && promotion.incarnation === incarnation;
}
