import { corrupt } from "../corrupt.ts";
import { tagBytes } from "../crypto/seal.ts";
import type { readRecord } from "../pack/read-pack.ts";
import { ownBuffer } from "../release.ts";
import type { ChunkRooms } from "./chunk-rooms.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";

/** As `readRecord`, opened, decoded and compared with its id on a thread of the pool; into a room where there are any. */
export const pooledRecordReader =
  (pool: SnapshotPool, rooms?: ChunkRooms): typeof readRecord =>
  async ({ header, entries, source, recordKey, idKey }, ordinal, { baseOf }) => {
    const entry = entries[ordinal];
    if (!entry) throw corrupt(`record ${ordinal} of a pack with ${entries.length}`);
    const { chunkId, codec, plainLength, offset, length, base: bound = null } = entry;
    const [read, room] = [rooms?.take(), rooms?.take()];
    let base: Uint8Array | null = null;
    let isDone = false;
    try {
      const sealed = await source.read(offset, length + tagBytes, read);
      if (bound) base = (await baseOf?.(bound)) ?? null;
      const { magic, repositoryId, salt } = header;
      const job = {
        key: own(recordKey),
        idKey: own(idKey),
        context: { magic, repositoryId: own(repositoryId), salt: own(salt) },
        record: {
          sealed,
          chunkId: own(chunkId),
          codec,
          plainLength,
          ordinal,
          bound: bound && own(bound),
          base,
        },
        room: room ?? null,
      };
      // A store that reads into memory of its own for every call does not need it again.
      const plain = await pool.run("open", job, undefined, ownBuffer(sealed));
      isDone = true;
      return plain ?? room?.subarray(0, plainLength) ?? new Uint8Array();
    } finally {
      // After a fault something may still write there or read from it: then it is not given to another.
      if (isDone && read) rooms?.give(read);
      if (isDone && base) rooms?.give(base);
    }
  };

/** A view is sent with all that it is a view of: here, header and trailer, with each record of the pack. */
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
