import { checkRepository, type KeyOpener, type Repository } from "@locum/snapshot/repository";
import type { Scrubbed } from "./repository-jobs.ts";

/** One slice of the packs read and decoded, and every manifest asked whether it can still be restored whole. */
export async function scrubSlice(
  repository: Repository,
  { slice, of, opener }: { slice: number; of: number; opener: KeyOpener },
): Promise<Scrubbed> {
  const { damage, lost, coverage } = await checkRepository(repository, { opener, slice: { at: slice, of } });
  return {
    packs: coverage.packsRead,
    bytes: coverage.bytesRead,
    mended: 0,
    damaged: [...new Set(damage.map(({ name }) => name))],
    lost,
  };
}
