import { join } from "node:path";
import { Fault } from "@locum/contracts";
import type { Fs, FsHandle, FsStat } from "../../fs.ts";
import { errnoOf, ifThere } from "../../fs-fault.ts";
import { resolveInside } from "../../resolve-inside.ts";
import { corrupt } from "../corrupt.ts";
import { type ChunkRef, chunkRefs, type ManifestFile } from "../manifest/manifest-body.ts";
import { cloneFile } from "./clone-file.ts";
import { eachAtOnce } from "./each-at-once.ts";
import { grantedMode } from "./expected-tree.ts";
import { oneName } from "./one-name.ts";
import type { RestoreChecks } from "./restore-checks.ts";
import { scanChunks } from "./scan-chunks.ts";

export type FileWork = {
  fs: Fs;
  /** The draft's tree, a real path. */
  root: string;
  checks: RestoreChecks;
  /** How a file is proved: each chunk in its place as it is written, or all of it by the manifest's SHA-256 at the end. */
  check: "chunks" | "sha256";
  fetch(chunk: ChunkRef): Promise<Uint8Array>;
  /** For what `fetch` gave, once it is written. */
  done(bytes: Uint8Array): void;
  /** Right before each write, which its failure prevents. */
  beforeWrite(): Promise<unknown>;
  /** A file on this disk with the same bytes, to be cloned. */
  cloneOf(path: string): string | undefined;
  /** Bytes that are in their place, and where they come from. */
  onBytes(bytes: number, from: "draft" | "clone" | "source"): void;
  chunksAtOnce: number;
  signal?: AbortSignal | undefined;
};

/**
 * One file of the draft: what is in it already and right stays, the rest is fetched, compared with its id, written, read
 * back from its place and compared again, while the next is fetched. Every byte of the file was then read from it, and
 * the manifest says which chunk is where: that proves what the SHA-256 of the whole does. Then its mode and time, then it is
 * made durable. Where the SHA-256 is wanted, all is read back in the end instead.
 * @throws Fault snapshot-corrupt: its chunks are right, the file that they make is not the manifest's · storage-failed:
 *   the disk gives back other bytes than were written · as `fetch`
 */
export async function restoreFile(file: ManifestFile, work: FileWork): Promise<void> {
  const { fs, root } = work;
  const path = join(root, file.path);
  if ((await resolveInside(fs, root, file.path, { last: "keep" })) !== file.path)
    throw new Fault("refused", `${file.path} goes through a link that is not of the snapshot`);
  const stat = await ifThere(fs.lstat(path));
  // There is no way to shorten a file, and a longer one is not ours.
  if (stat && stat.size > file.size) await fs.unlink(path);
  if (stat && stat.size <= file.size) await fill(path, file, { stat, from: "draft" }, work);
  else await fill(path, file, await clone(path, file, work), work);
  if (work.check === "sha256") await verify(path, file, work);
}

type Begun = { stat: FsStat; from: "draft" | "clone" };

async function clone(path: string, file: ManifestFile, work: FileWork): Promise<Begun | undefined> {
  const source = work.cloneOf(file.path);
  if (source === undefined || !(await cloneFile(work.fs, source, path))) return undefined;
  const stat = await work.fs.lstat(path);
  if (stat.size <= file.size) return { stat, from: "clone" };
  await work.fs.unlink(path);
  return undefined;
}

async function fill(
  path: string,
  file: ManifestFile,
  begun: Begun | undefined,
  work: FileWork,
): Promise<void> {
  const { fs, checks, fetch, done, beforeWrite, onBytes, chunksAtOnce, signal } = work;
  const good = new Set<number>();
  if (begun) {
    // A mode that was set before a crash, or that of the clone's source, may forbid writing.
    if ((begun.stat.mode & 0o600) !== 0o600) await fs.chmod(path, 0o600);
    await scanChunks(path, file, { fs, ...checks, signal }, ({ place, plainLength }) => {
      good.add(place);
      onBytes(plainLength, begun.from);
    });
  }
  const handle = await openToFill(fs, path, begun?.stat);
  let reader: FsHandle | undefined;
  try {
    if (work.check === "chunks") reader = await fs.open(path, "r");
    await eachAtOnce(missingChunks(file, good), { max: chunksAtOnce, signal }, async (chunk) => {
      const bytes = await fetch(chunk).catch((error: unknown) => {
        throw named(error, file.path);
      });
      await beforeWrite();
      await handle.write(bytes, chunk.start);
      if (reader && !(await isInPlace(reader, bytes, chunk, checks))) throw await otherBytes(fs, path);
      done(bytes);
      onBytes(chunk.plainLength, "source");
    });
    await fs.chmod(path, grantedMode(file.mode));
    await fs.setMtime(path, BigInt(file.mtimeNs));
    await makeDurable(fs, path, handle);
    if (reader && (await reader.stat()).size !== file.size) throw await otherBytes(fs, path);
  } finally {
    await reader?.close();
    await handle.close();
  }
}

/** The bytes were compared with the chunk's id: what equals them does so too, and a comparison costs less than a hash. */
async function isInPlace(
  reader: FsHandle,
  bytes: Uint8Array,
  { start }: { start: number },
  { rooms }: RestoreChecks,
): Promise<boolean> {
  const room = await rooms.take();
  try {
    const found = room.subarray(0, bytes.length);
    return (await reader.read(found, start)) === bytes.length && Buffer.compare(found, bytes) === 0;
  } finally {
    rooms.give(room);
  }
}

/** The next try must not begin with such a file. */
async function otherBytes(fs: Fs, path: string): Promise<Fault> {
  await ifThere(fs.unlink(path));
  return new Fault("storage-failed", `${path}: the disk gave back other bytes than were written`);
}

/** A fault about a chunk says nothing to a person; which file it is of does. */
const named = (error: unknown, path: string): unknown =>
  error instanceof Fault
    ? new Fault(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error })
    : error;

async function openToFill(fs: Fs, path: string, stat: FsStat | undefined): Promise<FsHandle> {
  if (!stat)
    return fs.open(path, "wx", 0o600).catch((error: unknown) => {
      throw errnoOf(error) === "EEXIST" ? oneName(path) : error;
    });
  const handle = await fs.open(path, "r+");
  const found = await handle.stat();
  if (found.ino === stat.ino && found.dev === stat.dev) return handle;
  await handle.close();
  throw new Fault("conflict", `${path} was exchanged while it was restored`);
}

/** A sync that failed is not tried again on the same file: the system may have dropped the pages and call them clean. */
async function makeDurable(fs: Fs, path: string, handle: FsHandle): Promise<void> {
  try {
    await handle.sync();
  } catch (error) {
    if (errnoOf(error) !== undefined) await fs.unlink(path).catch(() => {});
    throw error;
  }
}

function* missingChunks(
  file: ManifestFile,
  good: ReadonlySet<number>,
): Generator<ChunkRef & { start: number }> {
  let start = 0;
  for (const [place, chunk] of chunkRefs(file).entries()) {
    if (!good.has(place)) yield { ...chunk, start };
    start += chunk.plainLength;
  }
}

async function verify(path: string, file: ManifestFile, { fs, checks, signal }: FileWork): Promise<void> {
  const { size, digest } = await readBack(fs, path, { checks, signal });
  if (size === file.size && digest === file.sha256) return;
  let good = 0;
  await scanChunks(path, file, { fs, ...checks, signal }, ({ plainLength }) => {
    good += plainLength;
  });
  const other = await otherBytes(fs, path);
  if (good === file.size && size === file.size)
    throw corrupt(`${file.path} has SHA-256 ${digest}, the manifest says ${file.sha256}`);
  throw other;
}

async function readBack(
  fs: Fs,
  path: string,
  { checks, signal }: Pick<FileWork, "checks" | "signal">,
): Promise<{ size: number; digest: string }> {
  const handle = await fs.open(path, "r");
  let size = 0;
  try {
    const digest = await checks.sha256Of({
      async read(buffer, position) {
        signal?.throwIfAborted();
        const length = await handle.read(buffer, position);
        size += length;
        return length;
      },
    });
    return { size, digest };
  } finally {
    await handle.close();
  }
}
