import type { ByteSource } from "../byte-source.ts";
import type { Tensor } from "../chunk/tensor.ts";
import { limits } from "../limits.ts";
import type { DigestName, ResultOf } from "./job.ts";
import type { Rooms } from "./rooms.ts";
import type { SnapshotPool } from "./snapshot-pool.ts";
import { tensorWindows, type Window, windowBytes } from "./tensor-windows.ts";

export type TakeInput = {
  source: ByteSource;
  tensors: readonly Tensor[];
  /** For a file without known tensors. */
  table: Uint32Array;
  idKey: Uint8Array;
  digest: DigestName;
  pool: SnapshotPool;
  windows: Rooms;
  /** In the file's order; the window's bytes stay until it is done. What it throws ends the reading. */
  onTaken(window: Window, bytes: Uint8Array, taken: ResultOf<"take">): Promise<void>;
};

/** Reads a file once, window by window, with its chunks and their ids from the pool; gives its digest in hex. */
export async function takeFile({
  source,
  tensors,
  table,
  idKey,
  digest,
  pool,
  windows,
  onTaken,
}: TakeInput): Promise<string> {
  const { file, thread } = pool.begin();
  const work: Promise<void>[] = [];
  let failed: { error: unknown } | undefined;
  let found: string | null = null;

  /** Reads it now, and goes on with it while the next is read. In an object, since the caller may not wait for it. */
  async function take(window: Window): Promise<{ taken: Promise<ResultOf<"take">> }> {
    const room = await windows.take();
    const bytes = room.subarray(0, window.length);
    try {
      if (failed) throw failed.error;
      await readInto(source, window.start, bytes);
    } catch (error) {
      windows.give(room);
      throw error;
    }
    const isLast = window.start + window.length >= source.size;
    const cut = window.pieces?.map(({ length }) => length) ?? { table };
    const taken = pool.run(
      "take",
      { file, bytes, cut, digest, isFirst: window.start === 0, isLast, idKey },
      thread,
    );
    const done = taken
      .then((told) => {
        found = told.digest;
        return onTaken(window, room, told);
      })
      .catch((error: unknown) => {
        failed ??= { error };
      })
      .finally(() => windows.give(room));
    work.push(done);
    return { taken };
  }

  try {
    if (tensors.length > 0 && source.size >= limits.smallTensor)
      for (const window of tensorWindows(source.size, tensors)) await take(window);
    else
      for (let start = 0, isLast = false; !isLast; ) {
        const length = Math.min(windowBytes, source.size - start);
        isLast = start + length >= source.size;
        const { taken } = await take({ start, length });
        for (const length of (await taken).lengths) start += length;
      }
  } catch (error) {
    failed ??= { error };
  }
  await Promise.all(work);
  if (!failed && found !== null) return found;
  await pool.run("drop", { file }, thread).catch(() => {});
  throw failed?.error;
}

async function readInto(source: ByteSource, position: number, target: Uint8Array): Promise<void> {
  if (source.readInto) await source.readInto(position, target);
  else target.set(await source.read(position, target.length));
}
