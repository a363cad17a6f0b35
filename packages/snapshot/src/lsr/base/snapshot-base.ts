import { Fault } from "@locum/contracts";
import { mapTensors } from "../chunk/map-tensors.ts";
import { type ChunkRef, chunkRefs, type ManifestBody, type ManifestFile } from "../manifest/manifest-body.ts";
import type { Chunks } from "../repository/open-chunks.ts";
import type { SnapshotFile } from "../write-snapshot.ts";
import { alignPlaces } from "./align-places.ts";
import type { Base } from "./folder-base.ts";

/**
 * An older snapshot, for who can read it. A chunk of it that cannot be read is none to store a difference against.
 */
export async function snapshotBase({
  manifest,
  chunks,
  files,
}: {
  manifest: Pick<ManifestBody, "files">;
  chunks: Pick<Chunks, "read">;
  files: readonly SnapshotFile[];
}): Promise<Base> {
  const older = new Map<string, ManifestFile>();
  for (const file of manifest.files) if (file.kind === "file") older.set(file.path, file);
  const now = await mapTensors(files).catch(() => undefined);
  const align = alignPlaces({
    newer: (path) => now?.get(path)?.tensors,
    older: (path) => older.get(path)?.tensors,
  });
  const placed = new Map<string, Map<number, ChunkRef>>();
  function chunksOf(path: string): Map<number, ChunkRef> {
    const known = placed.get(path);
    if (known) return known;
    const file = older.get(path);
    const found = file ? byStart(file) : new Map<number, ChunkRef>();
    placed.set(path, found);
    return found;
  }
  return async (place) => {
    const { path, start, length } = align(place);
    const ref = chunksOf(path).get(start);
    if (ref?.plainLength !== length) return undefined;
    try {
      return await chunks.read(ref.chunkId);
    } catch (error) {
      if (error instanceof Fault) return undefined;
      throw error;
    }
  };
}

function byStart(file: ManifestFile): Map<number, ChunkRef> {
  const starts = new Map<number, ChunkRef>();
  let start = 0;
  for (const ref of chunkRefs(file)) {
    starts.set(start, ref);
    start += ref.plainLength;
  }
  return starts;
}
