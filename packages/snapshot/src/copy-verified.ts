import { Fault, type TreeFile, treeChunkBytes } from "@locum/contracts";
import type { Fs, FsHandle } from "./fs.ts";
import { chunkBuffer, readChunk, sha256 } from "./hash-file.ts";
import type { Pace } from "./pace.ts";

/** Gives one chunk, checked against its digest. */
export type ChunkReader = (
  chunk: number,
  buffer: Uint8Array<ArrayBuffer>,
) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * Writes one file of a tree to a new path: every chunk comes checked, then the file is made durable, then every
 * chunk is read back and checked again. What does not verify is not left behind by name alone: the caller discards
 * the folder that it lies in.
 * @throws Fault storage-failed when the disk gives back other bytes than were written
 */
export async function copyVerified(
  fs: Fs,
  {
    file,
    read,
    to,
    mode,
    pace,
    signal,
  }: {
    file: TreeFile;
    read: ChunkReader;
    to: string;
    mode: number;
    pace: Pace;
    signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const buffer = chunkBuffer(file.size);
  const handle = await fs.open(to, "wx", 0o600);
  try {
    for (const chunk of file.chunks.keys()) {
      signal?.throwIfAborted();
      await pace(Math.min(treeChunkBytes, file.size - chunk * treeChunkBytes));
      await handle.write(await read(chunk, buffer), chunk * treeChunkBytes);
    }
    await fs.chmod(to, mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
  // A handle of its own: the one above may only write.
  const back = await fs.open(to, "r");
  try {
    await verifyFile(back, file, buffer, (problem) => new Fault("storage-failed", `${to}: ${problem}`));
  } finally {
    await back.close();
  }
}

/** Checks an open file against the tree, chunk by chunk; throws the fault that the caller makes of a difference. */
export async function verifyFile(
  handle: FsHandle,
  file: TreeFile,
  buffer: Uint8Array<ArrayBuffer>,
  faultOf: (problem: string) => Fault,
  pace?: Pace,
): Promise<void> {
  const { size } = await handle.stat();
  if (size !== file.size) throw faultOf(`has ${size} bytes, expected ${file.size}`);
  for (const [chunk, digest] of file.chunks.entries()) {
    await pace?.(Math.min(treeChunkBytes, file.size - chunk * treeChunkBytes));
    const bytes = await readChunk(handle, buffer, chunk);
    if (!bytes || (await sha256(bytes)) !== digest) throw faultOf(`chunk ${chunk} has another digest`);
  }
}
