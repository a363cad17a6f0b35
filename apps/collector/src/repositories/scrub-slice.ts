import { systemClock } from "@locum/runtime";
import { createPace } from "@locum/snapshot";
import { type KeyOpener, type Recipient, type Repository, scrubRepository } from "@locum/snapshot/repository";
import { findLost } from "./find-lost.ts";
import type { RepositoryJobs, Scrubbed } from "./repository-jobs.ts";

type Asked = Parameters<RepositoryJobs["scrub"]>[0];
type Readers = { opener: KeyOpener; recipients: readonly Recipient[] };

/** Where a pass over the packs' ids ends. */
const idNumbers = 2 ** 32;

/**
 * The next slice of the packs read, and mended where it can be: the repository itself remembers how far everybody came.
 * Then every manifest is asked whether it can still be restored whole, without what is known to be damaged.
 */
export async function scrubSlice(
  repository: Repository,
  { of, bytesPerSecond, holder, damaged, opener, recipients }: Asked & Readers,
): Promise<Scrubbed> {
  const pace = createPace({ bytesPerSecond, clock: systemClock });
  const { packs, bytes, healed, postponed, coverage } = await scrubRepository(repository, {
    ...{ of, holder, opener, recipients, pace },
  });
  const unwell = healed.flatMap((one) =>
    one.kind === "failed" || (one.kind === "replaced" && one.lost.length + one.held.length > 0)
      ? [one.name]
      : [],
  );
  const known = [...damaged, ...unwell, ...postponed];
  const { lost, damagedManifests } = await findLost(repository, { opener, damagedPacks: new Set(known) });
  const next = coverage?.next ?? 0;
  return {
    packs,
    bytes,
    mended: healed.length - unwell.length,
    damaged: [...new Set([...unwell, ...postponed])],
    damagedManifests,
    lost,
    slice: next === 0 ? of : Math.min(of, Math.max(1, Math.round((next / idNumbers) * of))),
    wholeSinceMs: coverage?.wholeSince ? Date.parse(coverage.wholeSince) : null,
  };
}
