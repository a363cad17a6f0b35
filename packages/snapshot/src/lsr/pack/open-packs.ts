import { Fault } from "@locum/contracts";
import { corrupt } from "../corrupt.ts";
import type { KeyOpener } from "../crypto/key-opener.ts";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { withLaterStanzas } from "../crypto/later-stanzas.ts";
import { type BlobStore, blobSource } from "../store/blob-store.ts";
import type { Entry } from "./entries.ts";
import { type OpenPack, openPack, readRecord } from "./read-pack.ts";

export type PackSet = {
  /** A chunk from any pack that has a good copy. @throws Fault snapshot-missing · snapshot-corrupt: no copy is good */
  read(chunkId: Uint8Array): Promise<Uint8Array>;
  has(chunkId: Uint8Array): boolean;
  /** Every record of every pack that opened. */
  entries(): Entry[];
  /** Packs that could not be opened, with the reason: they are passed over, never in the way. */
  unreadable: { name: string; fault: Fault }[];
};

type Place = { pack: OpenPack; ordinal: number };

/** Every pack of a store that this key opens, found by the packs' own trailers: no index is needed or believed. */
export async function openPacks({
  store,
  opener,
  hash,
}: {
  store: BlobStore;
  opener: KeyOpener;
  hash: KeyedHash;
}): Promise<PackSet> {
  const places = new Map<string, Place[]>();
  const unreadable: PackSet["unreadable"] = [];
  const both = withLaterStanzas(store, opener);
  for await (const blob of store.list("packs/")) {
    if (!/\/[0-9a-f]{64}\.pk$/.test(blob.name)) continue;
    try {
      const pack = await openPack(blobSource(store, blob), { name: blob.name, opener: both });
      for (const [ordinal, { chunkId }] of pack.entries.entries())
        add(places, hexOf(chunkId), { pack, ordinal });
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      unreadable.push({ name: blob.name, fault });
    }
  }
  const read = async (chunkId: Uint8Array, mayBeDelta: boolean): Promise<Uint8Array> => {
    let last: unknown = new Fault("snapshot-missing", `chunk ${hexOf(chunkId)} is in no pack`);
    for (const { pack, ordinal } of places.get(hexOf(chunkId)) ?? [])
      try {
        const baseOf = async (id: Uint8Array) => {
          if (!mayBeDelta) throw corrupt("a delta whose base is a delta");
          return read(id, false);
        };
        return await readRecord(pack, ordinal, { hash, baseOf });
      } catch (error) {
        last = error;
      }
    throw last;
  };
  return {
    read: (chunkId) => read(chunkId, true),
    has: (chunkId) => places.has(hexOf(chunkId)),
    entries: () => [...places.values()].flat().flatMap(({ pack, ordinal }) => pack.entries[ordinal] ?? []),
    unreadable,
  };
}

function add(places: Map<string, Place[]>, id: string, place: Place): void {
  const list = places.get(id);
  if (list) list.push(place);
  else places.set(id, [place]);
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
