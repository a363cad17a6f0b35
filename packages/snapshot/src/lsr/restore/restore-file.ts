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
  fetch(chunk: ChunkRef): Promise<Uint8Array>;
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
 * One file of the draft: what is in it already and right stays, the rest is fetched; then its mode and time, then it is
 * made durable, then all of it is read back and compared with the manifest's SHA-256.
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
  await verify(path, file, work);
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
  { fs, checks, fetch, beforeWrite, onBytes, chunksAtOnce, signal }: FileWork,
): Promise<void> {
  const good = new Set<number>();
  if (begun) {
    // A mode that was set before a crash, or that of the clone's source, may forbid writing.
    if ((begun.stat.mode & 0o600) !== 0o600) await fs.chmod(path, 0o600);
    await scanChunks(path, file, { fs, isChunk: checks.isChunk, signal }, ({ place, plainLength }) => {
      good.add(place);
      onBytes(plainLength, begun.from);
    });
  }
  const handle = await openToFill(fs, path, begun?.stat);
  try {
    await eachAtOnce(
      missingChunks(file, good),
      { max: chunksAtOnce, signal },
      async ({ start, ...chunk }) => {
        const bytes = await fetch(chunk).catch((error: unknown) => {
          throw named(error, file.path);
        });
        await beforeWrite();
        await handle.write(bytes, start);
        onBytes(chunk.plainLength, "source");
      },
    );
    await fs.chmod(path, grantedMode(file.mode));
    await fs.setMtime(path, BigInt(file.mtimeNs));
    await makeDurable(fs, path, handle);
  } finally {
    await handle.close();
  }
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
  await scanChunks(path, file, { fs, isChunk: checks.isChunk, signal }, ({ plainLength }) => {
    good += plainLength;
  });
  // Whichever is wrong, the next try must not begin with it.
  await fs.unlink(path);
  if (good === file.size && size === file.size)
    throw corrupt(`${file.path} has SHA-256 ${digest}, the manifest says ${file.sha256}`);
  throw new Fault("storage-failed", `${path}: the disk gave back other bytes than were written`);
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
