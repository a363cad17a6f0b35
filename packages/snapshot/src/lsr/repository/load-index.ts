import { setImmediate } from "node:timers/promises";
import { Fault } from "@locum/contracts";
import { tagBytes } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
import { packPath } from "../pack/pack-path.ts";
import { readPackIndex } from "../pack/read-pack.ts";
import { parityPath } from "../parity/parity-path.ts";
import { type Blob, blobSource, readBlob } from "../store/blob-store.ts";
import { type ChunkIndex, createChunkIndex } from "./chunk-index.ts";
import { listGarbage } from "./garbage-mark.ts";
import { openSegment, type PackEntries } from "./index-segment.ts";
import type { Repository } from "./repository.ts";
import { repairSegments } from "./write-segments.ts";

/** After so many packs others get their turn: a large index must not hold up who is being served. */
const packsAtOnce = 64;

export type LoadedIndex = {
  /** A writer's leaves out what garbage collection announced. */
  for: "writer" | "reader";
  index: ChunkIndex;
  /** Every pack that the storage lists, whether it could be read or not. */
  packs: Map<string, Blob>;
  /** What lies beside packs to repair them, by the pack. */
  parities: Map<string, Blob>;
  /** Packs whose deletion was announced, and when: readable still, not to be counted on by a writer. */
  garbage: Map<string, number>;
  /** Packs that neither a segment nor their own trailer describes. */
  unreadable: { name: string; fault: Fault }[];
  /** Segments that were left out. */
  damaged: { name: string; fault: Fault }[];
  /** Segments that opened, and the packs that each was believed for. */
  segments: Map<string, Segment>;
};

type Segment = { bytes: number; packs: string[] };

/**
 * What is stored where. Segments are believed where they open and their packs are there; the other packs are asked
 * themselves, and with `repair` a new segment is written for them, torn ones are removed and too many become few. No
 * state of the index makes this fail, nor does a failure to write one.
 * `for: "writer"` leaves out what garbage collection announced; the caller's intent must be older than this call.
 * @throws Fault storage-failed · upstream-unreachable: the storage does not list or read
 */
export function loadIndex(
  repository: Repository,
  { for: user, repair = true }: { for: LoadedIndex["for"]; repair?: boolean },
): Promise<LoadedIndex> {
  return load(repository, emptyIndex(user), repair);
}

/**
 * What `loadIndex` would give now, for as many requests as there are new segments, beside the listings. `before` stays
 * as it was, for whoever is still at work with it; nothing of what it said is believed where the storage says otherwise.
 * @throws as `loadIndex`
 */
export function refreshIndex(
  repository: Repository,
  before: LoadedIndex,
  { repair = true }: { repair?: boolean } = {},
): Promise<LoadedIndex> {
  return load(repository, before, repair);
}

async function load(repository: Repository, before: LoadedIndex, repair: boolean): Promise<LoadedIndex> {
  // Marks before packs: a pack that is gone from the second list may have been marked only before the first.
  const garbage = await listGarbage(repository);
  const { packs, parities } = await listPacks(repository);
  const isWanted = (pack: string) => packs.has(pack) && !(before.for === "writer" && garbage.has(pack));
  const loaded: LoadedIndex = {
    for: before.for,
    index: before.index.only([...before.index.packs()].filter((pack) => isWanted(pack) && isSame(pack))),
    packs,
    parities,
    garbage,
    unreadable: [],
    damaged: [],
    segments: new Map(),
  };
  function isSame(pack: string): boolean {
    const [then, now] = [before.packs.get(pack), packs.get(pack)];
    return then?.bytes === now?.bytes || fits({ pack, entries: before.index.entriesOf(pack) }, now);
  }
  await readSegments(repository, loaded, { known: before.segments, isWanted });
  const missing: string[] = [];
  for (const [pack, blob] of packs) {
    if (!isWanted(pack) || loaded.index.hasPack(pack)) continue;
    if (await readTrailer(repository, loaded, pack, blob)) missing.push(pack);
  }
  // A full or read-only storage: what is in memory is right all the same.
  if (repair) await repairSegments(repository, loaded, missing).catch(unlessFault);
  return loaded;
}

const emptyIndex = (user: LoadedIndex["for"]): LoadedIndex => ({
  for: user,
  index: createChunkIndex(),
  packs: new Map(),
  parities: new Map(),
  garbage: new Map(),
  unreadable: [],
  damaged: [],
  segments: new Map(),
});

async function listPacks({ store }: Repository): Promise<Pick<LoadedIndex, "packs" | "parities">> {
  const [packs, parities] = [new Map<string, Blob>(), new Map<string, Blob>()];
  for await (const blob of store.list("packs/")) {
    const id = /\/([0-9a-f]{64})\.p[kr]$/.exec(blob.name)?.[1];
    if (id && blob.name === packPath(id)) packs.set(id, blob);
    if (id && blob.name === parityPath(id)) parities.set(id, blob);
  }
  return { packs, parities };
}

async function readSegments(
  repository: Repository,
  { index, packs, damaged, segments }: LoadedIndex,
  { known, isWanted }: { known: LoadedIndex["segments"]; isWanted: (pack: string) => boolean },
): Promise<void> {
  for await (const { name } of repository.store.list("idx/")) {
    if (!/^idx\/[0-9a-f]{64}\.ix$/.test(name)) continue;
    const before = known.get(name);
    if (before) {
      segments.set(name, before);
      continue;
    }
    try {
      const bytes = await readBlob(repository.store, name, limits.segment);
      const taken: string[] = [];
      for (const each of openSegment(bytes, repository)) {
        if (!isWanted(each.pack) || index.hasPack(each.pack) || !fits(each, packs.get(each.pack))) continue;
        index.addPack(each);
        if (taken.push(each.pack) % packsAtOnce === 0) await setImmediate();
      }
      segments.set(name, { bytes: bytes.length, packs: taken });
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      // Merged away by another between the listing and the reading.
      if (fault.code !== "snapshot-missing") damaged.push({ name, fault });
    }
  }
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

function unlessFault(error: unknown): void {
  if (!(error instanceof Fault)) throw error;
}
