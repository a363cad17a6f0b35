import { mayAct, recentActions } from "./action-budget.ts";
import { audit, sayOnce, setDurable, type Turn, tell } from "./turn.ts";

/**
 * Takes one action from the budget of an instance, or says that it is spent: then a person is asked. It limits
 * repeats of one action on one instance, and never a divert or a promotion to a proven standby. `repeats` counts the
 * same action in the same incident.
 */
export function spend(turn: Turn, action: string, instance: string, repeats = 0): boolean {
  const { plan, durable } = turn.state;
  const key = `${action}:${instance}`;
  const takenAt = durable.spent[key] ?? [];
  const recent = recentActions(takenAt, turn.wallMs, plan);
  const answer = mayAct({ takenAt, repeats, nowMs: turn.wallMs }, plan);
  if (answer === "later") return false;
  if (answer === "spent") {
    sayOnce(turn, `${instance}:budget:${action}`, () => {
      const event = audit(
        turn,
        "budget.exhausted",
        instance,
        `${action} was tried ${recent.length} times and did not help for good: a person is needed`,
        { action, tries: recent.length },
      );
      turn.effects.push({
        kind: "notify",
        subject: `${plan.service}/${instance}: ${action} did not help`,
        event,
      });
      tell(turn, instance, "hold", `${action} was tried ${recent.length} times: a person is needed`);
    });
    return false;
  }
  setDurable(turn, { spent: { ...durable.spent, [key]: [...recent, turn.wallMs] } });
  return true;
}
