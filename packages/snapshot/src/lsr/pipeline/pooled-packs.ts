import { Fault } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import type { Plan } from "../codec/encode-chunk.ts";
import { tagBytes } from "../crypto/seal.ts";
import type { RepositoryWriter } from "../pack/pack-writer.ts";
import type { BaseOf } from "../pack/read-pack.ts";
import { createRooms } from "./rooms.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";
import { type PlacedRecord, writePooledPack } from "./write-pooled-pack.ts";

export type PooledPacks = {
  /** Encodes a chunk into the pack that is filled at the moment. `bytes` are needed until then. */
  add(chunk: NewChunk): Promise<void>;
  /** Writes what is left. Only then is everything durable that was added. */
  finish(): Promise<{ packs: string[]; bytes: number }>;
  /** Begins no more packs, and waits for what is being written. */
  abandon(): Promise<void>;
};
export type NewChunk = {
  chunkId: Uint8Array;
  bytes: Uint8Array;
  plan: Plan | null;
  base: { id: Uint8Array; bytes: Uint8Array } | null;
};

type Room = {
  bytes: Uint8Array;
  cursor: Int32Array;
  /** What the records have, and what those may need at most that are being encoded. */
  held: number;
};
type Filling = { rooms: Room[]; records: PlacedRecord[]; encoding: Set<Promise<void>> };

const roomBytes = 8 << 20;
/** A pack of 24 MiB, and as much to fill while it is sealed, read back and written: 48 MiB are all that is held. */
const roomsPerPack = 3;
const roomsMax = 6;

/**
 * Packs as `createPackWriter` makes them, on the pool's threads: encoded one after another into shared memory, sealed
 * in place, read back from it, and written from it. Two packs are held at most.
 */
export function createPooledPacks(writer: RepositoryWriter, pool: SnapshotPool, baseOf: BaseOf): PooledPacks {
  const rooms = createRooms(roomsMax, roomBytes);
  const packs: string[] = [];
  const writing = new Set<Promise<void>>();
  let bytes = 0;
  let filling: Filling | undefined;
  let line: Promise<unknown> = Promise.resolve();
  let failed: { error: unknown } | undefined;

  /**
   * Begins `work` in a pack that has room for that many bytes. One after another, so that a full pack has one successor,
   * and begun before the next can close it.
   */
  async function reserve(length: number, work: (into: Filling, room: Room) => Promise<void>): Promise<void> {
    const turn = line.then(async () => {
      if (failed) throw failed.error;
      let into = filling;
      // Any of them: what is encoded takes less than was kept free for it.
      let room = into?.rooms.find(({ held }) => held + length <= roomBytes);
      if (!into || !room) {
        if (into?.rooms.length === roomsPerPack) into = close();
        into ??= { rooms: [], records: [], encoding: new Set() };
        filling = into;
        room = { bytes: await rooms.take(), cursor: new Int32Array(new SharedArrayBuffer(4)), held: 0 };
        into.rooms.push(room);
      }
      room.held += length;
      const encoding = work(into, room);
      into.encoding.add(encoding);
      return { into, encoding };
    });
    line = turn.catch(() => {});
    const { into, encoding } = await turn;
    await encoding.finally(() => into.encoding.delete(encoding));
  }

  function close(): undefined {
    const full = filling;
    filling = undefined;
    if (!full) return undefined;
    const work = write(full)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => {
        for (const room of full.rooms) rooms.give(room.bytes);
        writing.delete(work);
      });
    writing.add(work);
    return undefined;
  }

  async function write({ records, encoding }: Filling): Promise<void> {
    // One that fails is its caller's to tell, and the snapshot ends there.
    while (encoding.size > 0) await Promise.allSettled(encoding);
    if (records.length === 0 || failed) return;
    const pack = await writePooledPack(records, { writer, pool, baseOf });
    packs.push(pack.id);
    bytes += pack.length;
  }

  return {
    add: ({ chunkId, bytes: plain, plan, base }) =>
      reserve(plain.length + tagBytes, async ({ records }, room) => {
        const job = { bytes: plain, plan, base: base?.bytes ?? null, room: room.bytes, cursor: room.cursor };
        const { codec, at, length } = await pool.run("encode", job);
        room.held -= plain.length - length;
        const isDelta = base && codec === codecId.delta;
        records.push({
          chunkId,
          codec,
          bytes: room.bytes.subarray(at, at + length + tagBytes),
          length,
          plainLength: plain.length,
          ...(isDelta && { base: base.id }),
        });
      }),
    async finish() {
      await line;
      close();
      while (writing.size > 0) await Promise.all(writing);
      if (failed) throw failed.error;
      return { packs, bytes };
    },
    async abandon() {
      failed ??= { error: new Fault("conflict", "the snapshot was given up") };
      await Promise.allSettled(writing);
    },
  };
}
