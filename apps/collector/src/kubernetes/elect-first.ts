import type { Log } from "@locum/runtime";
import type { RunningService } from "../fleet.ts";

/**
 * All pods of an exclusive template start as standbys, so somebody has to be the first active: the first that is proven
 * fit, by the same order that a person would give. Once there was one, failover is the core's own business.
 */
export async function electFirst({ driver }: RunningService, say: Log): Promise<void> {
  const { plan, durable, members, observeOnly, storing, counter } = driver.state();
  if (plan.class !== "exclusive" || plan.mode === "dry-run") return;
  if (observeOnly || storing || durable.promotion || durable.pausedUntil !== null) return;
  if (plan.instances.some(({ id }) => durable.roles[id] === "active")) return;
  const first = plan.instances.find(({ id }) => {
    const member = members[id];
    return member?.connected && !member.silent && !member.contested && member.report?.fit;
  });
  if (!first) return;
  const id = `promote-first-${durable.term}-${counter}`;
  const order = {
    kind: "promote",
    id,
    by: "collector",
    reason: "no instance was active yet",
    instance: first.id,
    force: false,
  } as const;
  try {
    await driver.order(order, ({ operations }) => id in operations);
  } catch (error) {
    say("warn", "nobody could be made the first active", { service: plan.service, error });
  }
}
