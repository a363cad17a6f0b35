import { Fault } from "@locum/contracts";
import { codecId } from "../codec/codec-id.ts";
import type { Plan } from "../codec/encode-chunk.ts";
import { tagBytes } from "../crypto/seal.ts";
import { limits } from "../limits.ts";
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

type Filling = {
  room: Uint8Array;
  cursor: Int32Array;
  records: PlacedRecord[];
  /** What the records have, and what those may need at most that are being encoded. */
  held: number;
  encoding: Set<Promise<void>>;
};

/** One is filled while the other is sealed, read back and written. */
const roomsMax = 2;

/**
 * Packs as `createPackWriter` makes them, on the pool's threads: encoded one after another into shared memory, sealed
 * in place, read back from it, and written from it. Two packs are held at most.
 */
export function createPooledPacks(writer: RepositoryWriter, pool: SnapshotPool, baseOf: BaseOf): PooledPacks {
  const rooms = createRooms(roomsMax, limits.packTarget);
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
  async function reserve(length: number, work: (into: Filling) => Promise<void>): Promise<void> {
    const turn = line.then(async () => {
      if (failed) throw failed.error;
      if (filling && filling.held + length > filling.room.length) close();
      const into = filling ?? begun(await rooms.take());
      filling = into;
      into.held += length;
      const encoding = work(into);
      into.encoding.add(encoding);
      return { into, encoding };
    });
    line = turn.catch(() => {});
    const { into, encoding } = await turn;
    await encoding.finally(() => into.encoding.delete(encoding));
  }

  function close(): void {
    const full = filling;
    filling = undefined;
    if (!full) return;
    const work = write(full)
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => {
        rooms.give(full.room);
        writing.delete(work);
      });
    writing.add(work);
  }

  async function write({ room, records, encoding }: Filling): Promise<void> {
    // One that fails is its caller's to tell, and the snapshot ends there.
    while (encoding.size > 0) await Promise.allSettled(encoding);
    if (records.length === 0 || failed) return;
    const pack = await writePooledPack({ room, records }, { writer, pool, baseOf });
    packs.push(pack.id);
    bytes += pack.length;
  }

  return {
    add: ({ chunkId, bytes: plain, plan, base }) =>
      reserve(plain.length + tagBytes, async (into) => {
        const { room, cursor, records } = into;
        const job = { bytes: plain, plan, base: base?.bytes ?? null, room, cursor };
        const { codec, at, length } = await pool.run("encode", job);
        into.held -= plain.length - length;
        const isDelta = base && codec === codecId.delta;
        records.push({
          chunkId,
          codec,
          at,
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

const begun = (room: Uint8Array): Filling => ({
  room,
  cursor: new Int32Array(new SharedArrayBuffer(4)),
  records: [],
  held: 0,
  encoding: new Set(),
});
