import { Fault } from "@locum/contracts";
import {
  type ChunkSource,
  folderSource,
  type KeyOpener,
  listSnapshots,
  loadIndex,
  type Repository,
  readSnapshot,
} from "@locum/snapshot/repository";

/**
 * Folders that may hold the files of snapshots, as sources of chunks: manifests say what lies where, so that without a
 * private key there are none.
 */
export async function folderSources(
  repository: Repository,
  { opener, folders }: { opener: KeyOpener | undefined; folders: readonly string[] },
): Promise<ChunkSource[]> {
  if (!opener || folders.length === 0) return [];
  const { index } = await loadIndex(repository, { for: "reader", repair: false });
  const sources: ChunkSource[] = [];
  const { snapshots } = await listSnapshots(repository);
  for (const { id } of snapshots.toReversed()) {
    const manifest = await readSnapshot(repository, id, { opener }).catch((error: unknown) => {
      if (error instanceof Fault) return undefined;
      throw error;
    });
    for (const root of manifest ? folders : []) {
      const { read } = folderSource({ name: root, root, files: manifest?.body.files ?? [] });
      sources.push(async (chunkId) => {
        const length = index.find(chunkId)[0]?.plainLength;
        return length === undefined ? undefined : read(chunkId, length);
      });
    }
  }
  return sources;
}
