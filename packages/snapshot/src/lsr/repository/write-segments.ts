import { digestOf } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import { packPath } from "../pack/pack-path.ts";
import { readPackIndex } from "../pack/read-pack.ts";
import { blobSource } from "../store/blob-store.ts";
import type { ChunkIndex } from "./chunk-index.ts";
import { inSegments, type PackEntries, sealSegment, segmentPath, segmentTarget } from "./index-segment.ts";
import type { LoadedIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";

/** More segments than this that are not full are merged: each costs a request at every opening. */
const segmentsMax = 64;

/** Adds the packs that a writer has just written, from the trailers that lie there, and their segment. */
export async function indexPacks(
  repository: Repository,
  loaded: Pick<LoadedIndex, "index" | "segments">,
  packs: readonly string[],
): Promise<void> {
  for (const pack of packs) {
    const name = packPath(pack);
    const source = blobSource(repository.store, { name, bytes: (await repository.store.size(name)) ?? 0 });
    loaded.index.addPack({ pack, entries: (await readPackIndex(source, repository.idKey)).entries });
  }
  await writeSegments(repository, loaded, packs);
}

/** A segment for packs that had to be asked themselves; too many segments become few, torn ones are removed. */
export async function repairSegments(
  repository: Repository,
  loaded: LoadedIndex,
  missing: readonly string[],
): Promise<void> {
  const small = [...loaded.segments].filter(([, { bytes }]) => bytes < segmentTarget / 2);
  if (small.length > segmentsMax) {
    // The new ones first: a stop between leaves two copies of what can be made again anyway.
    const packs = new Set([...small.flatMap(([, { packs }]) => packs), ...missing]);
    const written = await writeSegments(repository, loaded, packs);
    for (const [name] of small)
      if (!written.has(name)) {
        await repository.store.remove(name);
        loaded.segments.delete(name);
      }
  } else await writeSegments(repository, loaded, missing);
  await removeTorn(repository, loaded.damaged);
}

async function writeSegments(
  repository: Repository,
  { index, segments }: Pick<LoadedIndex, "index" | "segments">,
  packs: Iterable<string>,
): Promise<Set<string>> {
  const written = new Set<string>();
  for (const group of inSegments(entriesOf(index, packs))) {
    const { id, bytes } = sealSegment(group, repository);
    const name = segmentPath(id);
    await repository.store.create(name, [bytes]);
    written.add(name);
    segments.set(name, { bytes: bytes.length, packs: group.map(({ pack }) => pack) });
  }
  return written;
}

function* entriesOf(index: ChunkIndex, packs: Iterable<string>): Generator<PackEntries> {
  for (const pack of packs) if (index.hasPack(pack)) yield { pack, entries: index.entriesOf(pack) };
}

/** Only what is not what its name says. A whole segment that does not open may be one of another id key. */
async function removeTorn({ store, hash }: Repository, damaged: LoadedIndex["damaged"]): Promise<void> {
  for (const { name } of damaged) {
    const bytes = (await store.size(name)) ?? 0;
    const isTooLong = bytes > limits.segment;
    const digest = isTooLong
      ? ""
      : Buffer.from(digestOf(hash, [await store.read(name, 0, bytes)])).toString("hex");
    if (segmentPath(digest) !== name) await store.remove(name);
  }
}
