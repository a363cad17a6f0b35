import { setImmediate } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import { digestOf } from "../crypto/keyed-hash.ts";
import { tagBytes } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
import { packPath } from "../pack/pack-path.ts";
import { readPackIndex } from "../pack/read-pack.ts";
import { type Blob, blobSource, readBlob } from "../store/blob-store.ts";
import { type ChunkIndex, createChunkIndex } from "./chunk-index.ts";
import { listGarbage } from "./garbage-mark.ts";
import {
  inSegments,
  openSegment,
  type PackEntries,
  sealSegment,
  segmentPath,
  segmentTarget,
} from "./index-segment.ts";
import type { Repository } from "./repository.ts";

/** More segments than this that are not full are merged: each costs a request at every opening. */
const segmentsMax = 64;
/** After so many packs others get their turn: a large index must not hold up who is being served. */
const packsAtOnce = 64;

export type LoadedIndex = {
  index: ChunkIndex;
  /** Every pack that the storage lists, whether it could be read or not. */
  packs: Map<string, Blob>;
  /** Packs whose deletion was announced, and when: readable still, not to be counted on by a writer. */
  garbage: Map<string, number>;
  /** Packs that neither a segment nor their own trailer describes. */
  unreadable: { name: string; fault: Fault }[];
  /** Segments that were left out. */
  damaged: { name: string; fault: Fault }[];
};

/**
 * What is stored where. Segments are believed where they open and their packs are there; the other packs are asked
 * themselves, and with `repair` a new segment is written for them, torn ones are removed and too many become few. No
 * state of the index makes this fail, nor does a failure to write one.
 * `for: "writer"` leaves out what garbage collection announced; the caller's intent must be older than this call.
 * @throws Fault storage-failed · upstream-unreachable: the storage does not list or read
 */
export async function loadIndex(
  repository: Repository,
  { for: user, repair = true }: { for: "writer" | "reader"; repair?: boolean },
): Promise<LoadedIndex> {
  // Marks before packs: a pack that is gone from the second list may have been marked only before the first.
  const garbage = await listGarbage(repository);
  const packs = await listPacks(repository);
  const loaded: LoadedIndex = { index: createChunkIndex(), packs, garbage, unreadable: [], damaged: [] };
  const isWanted = (pack: string) => packs.has(pack) && !(user === "writer" && garbage.has(pack));
  const segments = await readSegments(repository, loaded, isWanted);
  const missing: string[] = [];
  for (const [pack, blob] of packs) {
    if (!isWanted(pack) || loaded.index.hasPack(pack)) continue;
    if (await readTrailer(repository, loaded, pack, blob)) missing.push(pack);
  }
  if (!repair) return loaded;
  try {
    const small = segments.filter(({ bytes }) => bytes < segmentTarget / 2);
    if (small.length > segmentsMax) await mergeSegments(repository, loaded.index, { small, missing });
    else await writeSegments(repository, entriesOf(loaded.index, missing));
    await removeTorn(repository, loaded.damaged);
  } catch (error) {
    // A full or read-only storage: what is in memory is right all the same.
    if (!(error instanceof Fault)) throw error;
  }
  return loaded;
}

/** Adds the packs that a writer has just written, from the trailers that lie there, and their segment. */
export async function indexPacks(
  repository: Repository,
  index: ChunkIndex,
  packs: readonly string[],
): Promise<void> {
  for (const pack of packs) {
    const name = packPath(pack);
    const source = blobSource(repository.store, { name, bytes: (await repository.store.size(name)) ?? 0 });
    index.addPack({ pack, entries: (await readPackIndex(source, repository.idKey)).entries });
  }
  await writeSegments(repository, entriesOf(index, packs));
}

async function listPacks({ store }: Repository): Promise<Map<string, Blob>> {
  const packs = new Map<string, Blob>();
  for await (const blob of store.list("packs/")) {
    const id = /\/([0-9a-f]{64})\.pk$/.exec(blob.name)?.[1];
    if (id && blob.name === packPath(id)) packs.set(id, blob);
  }
  return packs;
}

type Segment = { name: string; bytes: number; packs: string[] };

/** The segments that opened, with the packs that were taken from each. */
async function readSegments(
  repository: Repository,
  { index, packs, damaged }: LoadedIndex,
  isWanted: (pack: string) => boolean,
): Promise<Segment[]> {
  const segments: Segment[] = [];
  for await (const { name } of repository.store.list("idx/")) {
    if (!/^idx\/[0-9a-f]{64}\.ix$/.test(name)) continue;
    try {
      const bytes = await readBlob(repository.store, name, limits.segment);
      const taken: string[] = [];
      for (const each of openSegment(bytes, repository)) {
        if (!isWanted(each.pack) || index.hasPack(each.pack) || !fits(each, packs.get(each.pack))) continue;
        index.addPack(each);
        if (taken.push(each.pack) % packsAtOnce === 0) await setImmediate();
      }
      segments.push({ name, bytes: bytes.length, packs: taken });
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      // Merged away by another between the listing and the reading.
      if (fault.code !== "snapshot-missing") damaged.push({ name, fault });
    }
  }
  return segments;
}

/** A pack that is too short for what a segment says of it is asked itself. */
function fits({ entries }: PackEntries, blob: Blob | undefined): boolean {
  const last = entries.at(-1);
  return blob !== undefined && (!last || last.offset + last.length + tagBytes < blob.bytes);
}

async function readTrailer(
  { store, idKey }: Repository,
  { index, unreadable }: LoadedIndex,
  pack: string,
  blob: Blob,
): Promise<boolean> {
  try {
    index.addPack({ pack, entries: (await readPackIndex(blobSource(store, blob), idKey)).entries });
    return true;
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    if (fault.code !== "snapshot-missing") unreadable.push({ name: blob.name, fault });
    return false;
  }
}

function* entriesOf(index: ChunkIndex, packs: Iterable<string>): Generator<PackEntries> {
  for (const pack of packs) yield { pack, entries: index.entriesOf(pack) };
}

async function writeSegments(repository: Repository, packs: Iterable<PackEntries>): Promise<Set<string>> {
  const written = new Set<string>();
  for (const group of inSegments(packs)) {
    const { id, bytes } = sealSegment(group, repository);
    await repository.store.create(segmentPath(id), [bytes]);
    written.add(segmentPath(id));
  }
  return written;
}

/** The new ones first: a stop between leaves two copies of what can be made again anyway. */
async function mergeSegments(
  repository: Repository,
  index: ChunkIndex,
  { small, missing }: { small: readonly Segment[]; missing: readonly string[] },
): Promise<void> {
  const packs = [...small.flatMap(({ packs }) => packs), ...missing];
  const written = await writeSegments(repository, entriesOf(index, packs));
  for (const { name } of small) if (!written.has(name)) await repository.store.remove(name);
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
