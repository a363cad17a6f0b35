import { Fault } from "@locum/contracts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { chunkRefs } from "../manifest/manifest-body.ts";
import { type ChunkTable, createChunkTable } from "./chunk-table.ts";
import { snapshotIdOf } from "./list-snapshots.ts";
import { readSnapshot } from "./read-snapshot.ts";
import type { Repository } from "./repository.ts";

/**
 * The chunks of every manifest, each once. Manifests are sealed, so this needs a private key: who holds the id key alone,
 * a sidecar, cannot tell what is needed and so never deletes.
 * @throws Fault snapshot-corrupt · not-authorised: a manifest cannot be read, so that nothing may be called unneeded
 */
export async function neededChunks(
  { store }: Pick<Repository, "store">,
  { opener, beforeEach }: { opener: KeyOpener; beforeEach: () => Promise<void> },
): Promise<ChunkTable> {
  const needed = createChunkTable(0);
  for await (const { name } of store.list("snaps/")) {
    const id = snapshotIdOf(name);
    if (!id) continue;
    await beforeEach();
    const manifest = await readSnapshot({ store }, id, { opener }).catch((error: unknown) => {
      if (error instanceof Fault && error.code === "snapshot-missing") return undefined;
      throw nothingDeleted(id, error);
    });
    for (const entry of manifest?.body.files ?? [])
      if (entry.kind === "file")
        for (const { chunkId } of chunkRefs(entry))
          if (needed.rowsOf(chunkId).next().done) needed.add(chunkId, []);
  }
  return needed;
}

function nothingDeleted(id: string, error: unknown): unknown {
  if (!(error instanceof Fault) || !["snapshot-corrupt", "not-authorised"].includes(error.code)) return error;
  return new Fault(
    error.code,
    `snapshot ${id} cannot be read, so what it needs is not known: ${error.message}`,
    {
      hint: "Nothing was deleted. Repair or forget this snapshot, or give a key that it is sealed for.",
      cause: error,
    },
  );
}
