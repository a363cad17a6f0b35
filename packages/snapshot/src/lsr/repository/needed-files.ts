import { chunkRefs, type ManifestBody } from "../manifest/manifest-body.ts";
import { packPath } from "../pack/pack-path.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { manifestPath } from "./list-snapshots.ts";

/**
 * The files that a restore of this snapshot may open: its manifest, and every pack with a copy of one of its chunks or of
 * the base that a copy is a difference to. No other file's key helps to restore it.
 */
export function neededFiles(
  id: string,
  { files }: Pick<ManifestBody, "files">,
  index: Pick<ChunkIndex, "find">,
): Set<string> {
  const names = new Set([manifestPath(id)]);
  const add = (chunkId: Uint8Array, mayBeDelta: boolean): void => {
    for (const { pack, base } of index.find(chunkId)) {
      if (base && !mayBeDelta) continue;
      names.add(packPath(pack));
      if (base) add(base, false);
    }
  };
  for (const entry of files)
    if (entry.kind === "file") for (const { chunkId } of chunkRefs(entry)) add(chunkId, true);
  return names;
}
