import type { KeyOpener } from "../crypto/key-opener.ts";
import { createChunkRooms } from "../pipeline/chunk-rooms.ts";
import type { SnapshotPool } from "../pipeline/snapshot-pool.ts";
import type { LoadedIndex } from "../repository/load-index.ts";
import { openChunks } from "../repository/open-chunks.ts";
import type { Repository } from "../repository/repository.ts";
import type { RestoreSource } from "./restore-source.ts";

/** The packs of a repository, by its index. Not dropped for a bad pack: another may have the next chunk. */
export function repositorySource({
  repository,
  loaded,
  opener,
  pool,
  name = "repository",
}: {
  repository: Pick<Repository, "store" | "hash">;
  loaded: Pick<LoadedIndex, "index" | "packs">;
  opener: KeyOpener;
  /** Threads that open and decode the records; else that is done on the loop. */
  pool?: SnapshotPool;
  name?: string;
}): RestoreSource {
  const rooms = createChunkRooms();
  const chunks = openChunks({ repository, loaded, opener, rooms, ...(pool && { pool }) });
  return {
    name,
    has: loaded.index.isReadable,
    read: chunks.read,
    give: rooms.give,
    isChecked: true,
    onOtherBytes: "skip",
  };
}
