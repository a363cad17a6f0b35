import type { Member } from "@locum/coordination";
import type { Log } from "@locum/runtime";
import type { RunningService } from "../fleet.ts";

/**
 * Two things about pods that the core cannot know. All pods of an exclusive template start as standbys, so somebody has
 * to be the first active; and an active whose pod is being deleted should hand over while it still can, instead of being
 * missed. Both are orders like a person's, with the same proofs: whoever is not fit is not promoted.
 */
export async function keepActive(
  { driver }: RunningService,
  { isGoing, say }: { isGoing: (instance: string) => boolean; say: Log },
): Promise<void> {
  const { plan, durable, members, observeOnly, storing, counter } = driver.state();
  if (plan.class !== "exclusive" || plan.mode === "dry-run") return;
  if (observeOnly || storing || durable.promotion || durable.pausedUntil !== null) return;
  const active = plan.instances.find(({ id }) => durable.roles[id] === "active");
  if (active && !isGoing(active.id)) return;
  const next = plan.instances.find(({ id }) => id !== active?.id && !isGoing(id) && mayServe(members[id]));
  if (!next) return;
  const id = `promote-pod-${durable.term}-${counter}`;
  const order = {
    kind: "promote",
    id,
    by: "collector",
    reason: active ? `the pod ${active.id} is being deleted` : "no instance was active yet",
    instance: next.id,
    force: false,
  } as const;
  try {
    await driver.order(order, ({ operations }) => id in operations);
  } catch (error) {
    say("warn", "nobody could be made the active one", { service: plan.service, error });
  }
}

const mayServe = (member: Member | undefined): boolean =>
  member?.connected === true && !member.silent && !member.contested && member.report?.fit === true;
