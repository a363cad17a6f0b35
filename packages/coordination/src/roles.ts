import { isAwaited, membersOf, send, setDurable, type Turn } from "./turn.ts";

/** Roles are level-based: whoever reports another role than the stored one is told, as often as it takes. */
export function keepRoles(turn: Turn): void {
  const { durable, plan } = turn.state;
  for (const { id, report, connected, contested } of membersOf(turn)) {
    const role = durable.roles[id];
    if (!report || !connected || contested || role === undefined || durable.promotion?.from === id) continue;
    if (report.role === role && report.epoch === durable.epoch) continue;
    if (isAwaited(turn, id, "promote", "demote", "fence", "prepare")) continue;
    // An exclusive active that fenced itself comes back through a promotion only, with a higher epoch.
    if (
      role === "active" &&
      report.role !== "active" &&
      (plan.class === "stateless" || durable.promotion?.to === id)
    )
      send(turn, id, `role/${durable.epoch}/${id}/promote`, { kind: "promote" }, "its role in this epoch");
    else if (role === "standby" && report.role !== "standby")
      send(turn, id, `role/${durable.epoch}/${id}/demote`, { kind: "demote" }, "its role in this epoch");
    else if (role === "fenced" && report.role !== "standby") {
      // A fenced instance that is proven right again may stand by: it serves nothing until a promotion.
      if (report.verdict.kind === "healthy" && report.fit !== undefined) {
        setDurable(turn, { roles: { ...turn.state.durable.roles, [id]: "standby" } });
      } else if (report.role !== "fenced")
        send(turn, id, `role/${durable.epoch}/${id}/fence`, { kind: "fence" }, "its role in this epoch");
    }
  }
}
