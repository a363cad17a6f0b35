import { listSnapshots } from "./list-snapshots.ts";
import { planRetention, type RetentionPlan, type RetentionPolicy } from "./plan-retention.ts";
import { listRefs } from "./refs.ts";
import type { Repository } from "./repository.ts";

/** Channels that only a snapshot gets which somebody read whole. */
const proving = new Set(["last-verified", "last-known-good", "last-drill-passed"]);

/**
 * What `forget` may be given, by this repository as it stands and the caller's clock. `verified` adds snapshots that the
 * caller knows to be good beyond those that channels say. A damaged manifest is in no plan: it is for `check`, and for a
 * person to forget by its id.
 * @throws Fault snapshot-corrupt: a channel cannot be read, so what it holds is not known · storage-failed
 */
export async function planForget(
  repository: Repository,
  { policy, verified = new Set() }: { policy?: RetentionPolicy; verified?: ReadonlySet<string> } = {},
): Promise<RetentionPlan> {
  const { snapshots } = await listSnapshots(repository);
  const [pins, proven] = [new Map<string, string[]>(), new Set(verified)];
  for (const { snapshot, model, channel } of await listRefs(repository)) {
    if (!snapshot) continue;
    pins.set(snapshot, [...(pins.get(snapshot) ?? []), `${model}/${channel}`]);
    if (proving.has(channel)) proven.add(snapshot);
  }
  const listed = snapshots.map(({ id, stub, storedMs }) => ({
    id,
    model: stub.model,
    capturedAtMs: Date.parse(stub.capturedAt),
    storedMs,
    verified: proven.has(id),
    torn: stub.torn,
  }));
  return planRetention(listed, { nowMs: repository.wallMs(), pins, ...(policy && { policy }) });
}
