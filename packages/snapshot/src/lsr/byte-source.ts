import type { Fs, FsHandle } from "../fs.ts";
import { corrupt } from "./corrupt.ts";

/** Bytes that can be read anywhere: a file, a range of an object, a peer's answer. */
export type ByteSource = {
  size: number;
  /**
   * Exactly `length` bytes; at the start of `room`, which has as many, where the source can do that and it was given one.
   * @throws Fault snapshot-corrupt: the source ends before that
   */
  read(position: number, length: number, room?: Uint8Array): Promise<Uint8Array>;
  /** The same into memory of the caller, all of it; who has no way without a copy leaves it out. */
  readInto?(position: number, target: Uint8Array): Promise<void>;
};

export const bytesSource = (bytes: Uint8Array): ByteSource => ({
  size: bytes.length,
  async read(position, length) {
    if (!isWithin(bytes.length, position, length)) throw endsEarly(position + length, bytes.length);
    return bytes.subarray(position, position + length);
  },
});

/** Parts that lie one after another, without joining them first: a pack is too large to hold twice. */
export function partsSource(parts: readonly Uint8Array[]): ByteSource {
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.length;
  }
  return {
    size,
    async read(position, length) {
      if (!isWithin(size, position, length)) throw endsEarly(position + length, size);
      const pieces: Uint8Array[] = [];
      let [at, index] = [position, lastAtOrBefore(starts, position)];
      for (const end = position + length; at < end; index++) {
        const from = at - (starts[index] ?? 0);
        const piece = parts[index]?.subarray(from, from + end - at) ?? new Uint8Array();
        pieces.push(piece);
        at += piece.length;
      }
      return Buffer.concat(pieces);
    },
  };
}

export async function handleSource(handle: FsHandle): Promise<ByteSource> {
  const { size } = await handle.stat();
  return {
    size,
    async read(position, length, room) {
      if (!isWithin(size, position, length)) throw endsEarly(position + length, size);
      const bytes = room?.subarray(0, length) ?? new Uint8Array(length);
      const found = await handle.read(bytes, position);
      if (found !== length) throw endsEarly(position + length, position + found);
      return bytes;
    },
  };
}

/** Opens the file for each read: a repository has more packs than a process may hold open. */
export async function pathSource(fs: Fs, path: string): Promise<ByteSource> {
  const { size } = await fs.lstat(path);
  return {
    size,
    async read(position, length) {
      const handle = await fs.open(path, "r");
      try {
        return await (await handleSource(handle)).read(position, length);
      } finally {
        await handle.close();
      }
    },
  };
}

const isWithin = (size: number, position: number, length: number): boolean =>
  Number.isSafeInteger(position) && position >= 0 && length >= 0 && position + length <= size;

const endsEarly = (expected: number, found: number) =>
  corrupt(`bytes up to ${expected} were expected, the file has ${found}`);

function lastAtOrBefore(starts: readonly number[], position: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= position) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}
