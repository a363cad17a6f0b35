import { corrupt } from "../corrupt.ts";
import { tagBytes } from "../crypto/seal.ts";
import type { readRecord } from "../pack/read-pack.ts";
import type { ChunkRooms } from "./chunk-rooms.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";

/** As `readRecord`, opened, decoded and compared with its id on a thread of the pool; into a room where there are any. */
export const pooledRecordReader =
  (pool: SnapshotPool, rooms?: ChunkRooms): typeof readRecord =>
  async ({ header, entries, source, recordKey, idKey }, ordinal, { baseOf }) => {
    const entry = entries[ordinal];
    if (!entry) throw corrupt(`record ${ordinal} of a pack with ${entries.length}`);
    const { chunkId, codec, plainLength, offset, length, base: bound = null } = entry;
    const sealed = await source.read(offset, length + tagBytes);
    const base = bound ? ((await baseOf?.(bound)) ?? null) : null;
    const room = rooms?.take() ?? null;
    const { magic, repositoryId, salt } = header;
    const job = {
      key: recordKey,
      idKey,
      context: { magic, repositoryId, salt },
      record: { sealed, chunkId, codec, plainLength, ordinal, bound, base },
      room,
    };
    // A store that reads into memory of its own for every call does not need it again.
    const { buffer } = sealed;
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === sealed.length;
    try {
      const own = await pool.run("open", job, undefined, isOwn ? [buffer] : []);
      return own ?? room?.subarray(0, plainLength) ?? new Uint8Array();
    } catch (error) {
      if (room) rooms?.give(room);
      throw error;
    } finally {
      if (base) rooms?.give(base);
    }
  };
