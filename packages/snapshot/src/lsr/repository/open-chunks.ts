import { Fault } from "@locum/contracts";
import { corrupt } from "../corrupt.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import { withLaterStanzas } from "../crypto/later-stanzas.ts";
import { type OpenPack, openPack, readRecord } from "../pack/read-pack.ts";
import type { ChunkRooms } from "../pipeline/chunk-rooms.ts";
import { pooledRecordReader } from "../pipeline/pooled-record-reader.ts";
import type { SnapshotPool } from "../pipeline/snapshot-pool.ts";
import { blobSource } from "../store/blob-store.ts";
import type { IndexedChunk } from "./chunk-index.ts";
import type { LoadedIndex } from "./load-index.ts";
import type { Repository } from "./repository.ts";

export type Chunks = {
  /**
   * A chunk's bytes, checked against its id, from the first good copy.
   * @throws Fault snapshot-missing: in no pack · snapshot-corrupt: no copy is good · not-authorised: not for this key
   */
  read(chunkId: Uint8Array): Promise<Uint8Array>;
  /** A pack of the index, opened; the most recent stay open. @throws as `read` */
  pack(id: string): Promise<OpenPack>;
};

/** Reads chunks by the index, and opens only the packs that it needs, which is what a restore wants. */
export function openChunks({
  repository: { store, hash },
  loaded: { index, packs },
  opener,
  pool,
  rooms,
  openMax = 64,
}: {
  repository: Pick<Repository, "store" | "hash">;
  loaded: Pick<LoadedIndex, "index" | "packs">;
  opener: KeyOpener;
  /** Threads that open and decode; without, the caller's does. */
  pool?: SnapshotPool;
  /** With a pool: where chunks are put. Who has one and does not need it any more gives it back. */
  rooms?: ChunkRooms;
  openMax?: number;
}): Chunks {
  const open = new Map<string, Promise<OpenPack>>();
  const both = withLaterStanzas(store, opener);
  const recordOf = pool ? pooledRecordReader(pool, rooms) : readRecord;

  function pack(id: string): Promise<OpenPack> {
    const blob = packs.get(id);
    if (!blob) return Promise.reject(new Fault("snapshot-missing", `pack ${id} is not in the repository`));
    const opening = open.get(id) ?? openPack(blobSource(store, blob), { name: blob.name, opener: both });
    // Set again, so that the map's order is that of the last use.
    open.delete(id);
    open.set(id, opening);
    opening.catch(() => open.delete(id));
    const [oldest] = open.keys();
    if (open.size > openMax && oldest) open.delete(oldest);
    return opening;
  }

  async function readCopy(place: IndexedChunk, mayBeDelta: boolean): Promise<Uint8Array> {
    const opened = await pack(place.pack);
    const isIt = (ordinal: number) => isSame(opened.entries[ordinal]?.chunkId, place.chunkId);
    // A segment that is wrong about the place must not hide a chunk that is there.
    const ordinal = isIt(place.ordinal) ? place.ordinal : [...opened.entries.keys()].findIndex(isIt);
    if (ordinal < 0) throw corrupt(`pack ${place.pack} does not have the chunk that the index promises`);
    return recordOf(opened, ordinal, {
      hash,
      async baseOf(base) {
        if (!mayBeDelta) throw corrupt("a delta whose base is a delta");
        return read(base, false);
      },
    });
  }

  async function read(chunkId: Uint8Array, mayBeDelta: boolean): Promise<Uint8Array> {
    let last: Fault | undefined;
    for (const place of index.find(chunkId))
      try {
        return await readCopy(place, mayBeDelta);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        last = error;
      }
    const id = Buffer.from(chunkId).toString("hex");
    throw last ?? new Fault("snapshot-missing", `chunk ${id} is in no pack`);
  }

  return { read: (chunkId) => read(chunkId, true), pack };
}

const isSame = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0;
