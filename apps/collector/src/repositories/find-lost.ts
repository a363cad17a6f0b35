import { Fault } from "@locum/contracts";
import {
  type ChunkIndex,
  chunkRefs,
  type KeyOpener,
  listSnapshots,
  loadIndex,
  type Repository,
  readSnapshot,
} from "@locum/snapshot/repository";

/** Snapshots of which some chunk has no copy but in packs that are damaged, or none at all; and manifests that are no more. */
export async function findLost(
  repository: Repository,
  { opener, damagedPacks }: { opener: KeyOpener; damagedPacks: ReadonlySet<string> },
): Promise<{ lost: string[]; damagedManifests: string[] }> {
  const { snapshots, damaged } = await listSnapshots(repository);
  const { index } = await loadIndex(repository, { for: "reader", repair: false });
  const isGood = (pack: string): boolean => !damagedPacks.has(`packs/${pack.slice(0, 2)}/${pack}.pk`);
  const lost: string[] = [];
  const damagedManifests = damaged.map(({ name }) => name);
  for (const { id } of snapshots)
    try {
      const { body } = await readSnapshot(repository, id, { opener });
      const isWhole = body.files.every(
        (entry) =>
          entry.kind !== "file" || chunkRefs(entry).every(({ chunkId }) => hasCopy(index, chunkId, isGood)),
      );
      if (!isWhole) lost.push(id);
    } catch (error) {
      if (
        !(error instanceof Fault) ||
        !["snapshot-corrupt", "snapshot-missing", "not-authorised"].includes(error.code)
      )
        throw error;
      // Forgotten meanwhile, or for other keys than this one: neither is damage.
      if (error.code === "snapshot-corrupt") damagedManifests.push(`snaps/${id}.sn`);
    }
  return { lost, damagedManifests };
}

const hasCopy = (
  index: Pick<ChunkIndex, "find">,
  chunkId: Uint8Array,
  isGood: (pack: string) => boolean,
): boolean =>
  index
    .find(chunkId)
    .some(
      ({ pack, base }) =>
        isGood(pack) && (!base || index.find(base).some((copy) => !copy.base && isGood(copy.pack))),
    );
