import { tagBytes } from "../crypto/seal.ts";
import { limits } from "../limits.ts";

/** Memory for chunks and records, shared with threads and used again: what is new each time costs a fault a page, and a collector its sleep. */
export type ChunkRooms = {
  /** As long as the longest record, with any bytes in it. */
  take(): Uint8Array;
  /** A room, or the start of one. Anything else is left alone, and one that never comes back is only forgotten. */
  give(room: Uint8Array): void;
};

const roomBytes = limits.chunk + limits.recordOverhead + tagBytes;
/** As many as are out at once are made; no more than this are kept. */
const keptMax = 64;

export function createChunkRooms(): ChunkRooms {
  const free: Uint8Array[] = [];
  const ours = new WeakSet<object>();
  return {
    take() {
      const room = free.pop() ?? new Uint8Array(new SharedArrayBuffer(roomBytes));
      ours.add(room.buffer);
      return room;
    },
    give({ buffer }) {
      // Out only once, or two would write to it.
      if (ours.delete(buffer) && free.length < keptMax) free.push(new Uint8Array(buffer));
    },
  };
}
