import type { RepositoryView, StoredSnapshotView } from "@locum/contracts/client";
import type { Notes } from "./notes.ts";
import type { Seen, SeenSnapshot } from "./repository-jobs.ts";

export type Problem = { code: string; detail: string; sinceMs: number };

/** All that is known of a repository, by which a service's account is made. */
export type Known = {
  place: string;
  problem: Problem | null;
  seen: Seen | null;
  notes: Notes;
  /** What runs or waits, `drill <service>` among it. */
  pending: ReadonlySet<string>;
};

const dayMs = 86_400_000;
/** Clocks of a writer and of the storage may differ so much; a capture that says later is one of when it was stored. */
const skewMs = 300_000;
export const escrowChannel = "escrow-proven";

/** How a service's snapshots stand. Only what somebody read whole and found right counts. Pure. */
export function accountOf(
  service: string,
  known: Known,
  { nowMs, escrowDays, quotaBytes }: { nowMs: number; escrowDays: number; quotaBytes: number | null },
): RepositoryView {
  const { place, problem, seen, notes, pending } = known;
  const refs = seen?.refs.filter(({ model }) => model === service) ?? [];
  const verifiedId = refs.find(({ channel }) => channel === "last-verified")?.snapshot ?? null;
  const verified = seen?.snapshots.find(({ id, model }) => id === verifiedId && model === service);
  const escrow = refs.find(({ channel }) => channel === escrowChannel);
  const escrowAgeMs = escrow ? Math.max(0, nowMs - escrow.atMs) : null;
  const reason = whyNot(service, { ...known, verified });
  const { scrub } = notes;
  return {
    service,
    repository: place,
    problem,
    lookedAtMs: seen?.atMs ?? null,
    verified: verified?.id ?? null,
    rpoAgeMs: verified ? Math.max(0, nowMs - capturedMs(verified)) : null,
    restorable: reason === "",
    reason,
    drill: notes.drills[service] ?? null,
    drilling: pending.has(`drill ${service}`),
    scrub: scrub && {
      slice: scrub.slice,
      slices: scrub.of,
      atMs: scrub.atMs,
      wholeSinceMs: scrub.wholeSinceMs,
      damaged: [...notes.damagedPacks.map(({ name }) => name), ...notes.damagedManifests],
    },
    escrowAgeMs,
    escrowDue: escrowAgeMs === null || escrowAgeMs > escrowDays * dayMs,
    bytes: seen?.bytes ?? null,
    quotaBytes,
  };
}

function whyNot(
  service: string,
  { problem, seen, notes, verified }: Known & { verified: SeenSnapshot | undefined },
): string {
  if (!seen) return problem ? `${problem.code}: ${problem.detail}` : "not looked at yet";
  const own = seen.snapshots.filter(({ model }) => model === service);
  if (own.length === 0) return "there is no snapshot";
  if (problem) return `${problem.code}: ${problem.detail}`;
  const drill = notes.drills[service];
  if (drill?.outcome === "failed") return `the last drill failed: ${drill.code}: ${drill.detail}`;
  if (!verified) return "no snapshot was verified yet";
  if (notes.lost.includes(verified.id))
    return `snapshot ${verified.id} is damaged: some of its chunks have no good copy`;
  return "";
}

const capturedMs = ({ capturedAtMs, storedAtMs }: SeenSnapshot): number =>
  capturedAtMs > storedAtMs + skewMs ? storedAtMs : capturedAtMs;

/** Newest first, by the storage's clock: a writer could claim any time. */
export function snapshotsOf(service: string, seen: Seen | null): StoredSnapshotView[] {
  const refs = seen?.refs.filter(({ model }) => model === service) ?? [];
  return (seen?.snapshots ?? [])
    .filter(({ model }) => model === service)
    .toSorted((a, b) => b.storedAtMs - a.storedAtMs || (a.id < b.id ? 1 : -1))
    .map(({ model: _, ...snapshot }) => ({
      ...snapshot,
      channels: refs.flatMap(({ channel, snapshot: id }) => (id === snapshot.id ? [channel] : [])).sort(),
    }));
}
