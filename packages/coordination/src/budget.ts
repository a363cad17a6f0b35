import { audit, sayOnce, setDurable, type Turn, tell } from "./turn.ts";

const backoffFirstMs = 1000;
const backoffMaxMs = 60_000;
/** What did not help a moment ago is tried again later, and later still: 1 s, 2 s, 4 s, up to a minute. */
const backoffMs = (repeats: number): number => Math.min(backoffMaxMs, backoffFirstMs * 2 ** (repeats - 1));

/**
 * Takes one action from the budget of an instance, or says that it is spent: then a person is asked. It limits
 * repeats of one action on one instance, and never a divert or a promotion to a proven standby. `repeats` counts the
 * same action in the same incident.
 */
export function spend(turn: Turn, action: string, instance: string, repeats = 0): boolean {
  const { plan, durable } = turn.state;
  const key = `${action}:${instance}`;
  const recent = (durable.spent[key] ?? []).filter((at) => Math.abs(turn.wallMs - at) < plan.actionsWindowMs);
  const last = recent.at(-1);
  if (repeats > 0 && last !== undefined && turn.wallMs - last < backoffMs(repeats)) return false;
  if (recent.length >= plan.actionsMax) {
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
