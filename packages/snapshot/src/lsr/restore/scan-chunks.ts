import { setImmediate } from "node:timers/promises";
import type { Fs, FsHandle } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import { chunkRefs, type ManifestFile } from "../manifest/manifest-body.ts";
import { eachAtOnce } from "./each-at-once.ts";
import type { RestoreChecks } from "./restore-checks.ts";

export type FoundChunk = { place: number; chunkId: Uint8Array; start: number; plainLength: number };
/** What it takes to tell whether bytes are right. */
export type Look = Pick<RestoreChecks, "isChunk" | "rooms"> & { fs: Fs; signal?: AbortSignal | undefined };

/** As many are read at once, so that a check on threads has something to do on each. */
const chunksAtOnce = 4;

/**
 * Names the chunks of a manifest's file that the file at `path` has in their places, in no order. A file that is shorter,
 * or none, has fewer. The path's links are followed: bytes prove themselves.
 */
export async function scanChunks(
  path: string,
  file: ManifestFile,
  { fs, isChunk, rooms, signal }: Look,
  onGood: (chunk: FoundChunk) => void,
): Promise<void> {
  const handle = await openFile(fs, path);
  if (!handle) return;
  try {
    const { size } = await handle.stat();
    await eachAtOnce(placesWithin(file, size), { max: chunksAtOnce, signal }, async (chunk) => {
      const room = await rooms.take();
      try {
        const bytes = room.subarray(0, chunk.plainLength);
        const isRead = (await handle.read(bytes, chunk.start)) === chunk.plainLength;
        if (isRead && (await isChunk(chunk.chunkId, bytes))) onGood(chunk);
      } finally {
        rooms.give(room);
      }
      // Hashing may hold the loop for a third of a millisecond a chunk: others get their turn in between.
      await setImmediate();
    });
  } finally {
    await handle.close();
  }
}

/** Undefined where no file is: a pipe there would hold the call until somebody writes to it. */
export async function openFile(fs: Fs, path: string): Promise<FsHandle | undefined> {
  const real = await ifThere(fs.realpath(path));
  if (real === undefined || (await ifThere(fs.lstat(real)))?.kind !== "file") return undefined;
  return ifThere(fs.open(real, "r"));
}

/** Exactly these bytes of a file; undefined where there is none, or not so many. */
export async function readAt(
  fs: Fs,
  path: string,
  start: number,
  length: number,
): Promise<Uint8Array | undefined> {
  const handle = await openFile(fs, path);
  if (!handle) return undefined;
  try {
    const bytes = new Uint8Array(length);
    return (await handle.read(bytes, start)) === length ? bytes : undefined;
  } finally {
    await handle.close();
  }
}

function* placesWithin(file: ManifestFile, size: number): Generator<FoundChunk> {
  let start = 0;
  for (const [place, chunk] of chunkRefs(file).entries()) {
    if (start + chunk.plainLength > size) return;
    yield { place, start, ...chunk };
    start += chunk.plainLength;
  }
}
