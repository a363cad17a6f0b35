import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { KeyedHash } from "../crypto/keyed-hash.ts";
import { limits } from "../limits.ts";
import { createRooms, type Rooms } from "../pipeline/rooms.ts";
import type { SnapshotPool } from "../pipeline/snapshot-pool.ts";

/** Whether these bytes are the chunk of that id. */
export type IsChunk = (chunkId: Uint8Array, bytes: Uint8Array) => boolean | Promise<boolean>;

/** Each is read to and hashed in less than a millisecond: more would only wait. */
const roomsMax = 8;

/** Fewer bytes than the buffer has only at the end. */
type Readable = { read(buffer: Uint8Array, position: number): Promise<number> };

/** The hashing of a restore: on the loop, or on threads. */
export type RestoreChecks = {
  isChunk: IsChunk;
  /** Where chunks are read to that are to be compared: shared with the threads, so that none is copied on its way. */
  rooms: Rooms;
  /** In hex, over all of a file. */
  sha256Of(file: Readable): Promise<string>;
};

/** On the loop, which others get back after each mebibyte: about a millisecond. */
export const inlineChecks = (hash: KeyedHash, idKey: Uint8Array): RestoreChecks => ({
  isChunk: (chunkId, bytes) => Buffer.compare(hash.keyed(idKey, bytes), chunkId) === 0,
  rooms: createRooms(roomsMax, limits.chunk),
  async sha256Of(file) {
    const digest = createHash("sha256");
    const buffer = new Uint8Array(limits.chunk);
    for (let [start, length] = [0, -1]; length !== 0; start += length) {
      length = await file.read(buffer, start);
      digest.update(buffer.subarray(0, length));
      await setImmediate();
    }
    return digest.digest("hex");
  },
});

/** On the threads of a pool: each chunk on any, a file's digest on one, which reads ahead by a chunk. */
export const pooledChecks = (pool: SnapshotPool, idKey: Uint8Array): RestoreChecks => ({
  isChunk: async (chunkId, bytes) =>
    Buffer.compare(await pool.run("identify", { bytes, idKey }), chunkId) === 0,
  rooms: createRooms(roomsMax, limits.chunk),
  async sha256Of({ read }) {
    const { file, thread } = pool.begin();
    const rooms = [sharedRoom(), sharedRoom()];
    let [earlier, latest]: Promise<{ digest: string | null }>[] = [];
    try {
      for (let [start, n, isLast] = [0, 0, false]; !isLast; n++) {
        await earlier;
        const room = rooms[n % 2] ?? sharedRoom();
        const length = await read(room, start);
        isLast = length < room.length;
        const job = {
          file,
          bytes: room.subarray(0, length),
          // Only the digest is asked for.
          cut: [],
          digest: "sha256" as const,
          isFirst: start === 0,
          isLast,
          idKey,
        };
        [earlier, latest] = [latest, pool.run("take", job, thread)];
        latest.catch(() => {});
        start += length;
      }
      return (await latest)?.digest ?? "";
    } catch (error) {
      await pool.run("drop", { file }, thread).catch(() => {});
      throw error;
    }
  },
});

const sharedRoom = (): Uint8Array => new Uint8Array(new SharedArrayBuffer(limits.chunk));
