import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { Fault } from "@locum/contracts";
import { type Clock, systemClock } from "../../clock.ts";
import { removeTree } from "../../durable.ts";
import { type Fs, nodeFs } from "../../fs.ts";
import { errnoOf, ifThere, withFsFaults } from "../../fs-fault.ts";
import type { ChunkRef } from "../manifest/manifest-body.ts";
import { createChunkFetcher, type FetcherOptions, type FetchReport } from "./chunk-fetcher.ts";
import { eachAtOnce } from "./each-at-once.ts";
import { finishTree } from "./finish-tree.ts";
import type { RestorePlan } from "./plan-restore.ts";
import { prepareTree } from "./prepare-tree.ts";
import { pruneDrafts } from "./prune-drafts.ts";
import { findDraft, openDraft, type RestoreDraft } from "./restore-draft.ts";
import { restoreFile } from "./restore-file.ts";
import { createProgress, type RestoreProgress } from "./restore-progress.ts";
import { freeTarget } from "./restore-site.ts";

export type RestoreSnapshotOptions = RestorePlan & {
  fs?: Fs;
  clock?: Clock;
  random?: (length: number) => Uint8Array;
  wallMs?: () => number;
  signal?: AbortSignal;
  /**
   * `chunks` (the default): each chunk by its id, in its place. `sha256`: each file by the manifest's SHA-256, for who
   * must show that very digest; slower, since it is of one thread a file.
   */
  check?: "chunks" | "sha256";
  onProgress?: (progress: RestoreProgress) => void;
  /** Their product is how many chunks of a mebibyte are in memory at once, twice that where each is hedged. */
  filesAtOnce?: number;
  chunksAtOnce?: number;
  hedge?: Pick<FetcherOptions, "hedgeFirstMs" | "hedgeFloorMs" | "answerMsMax">;
};

export type RestoredSnapshot = FetchReport & {
  /** The folder with the whole tree, durable. */
  path: string;
  /** What an earlier try had left, and whether there was one. */
  draftBytes: number;
  isResumed: boolean;
};

/**
 * Carries a plan out: into a draft beside the target, every chunk compared with its id and read back in its place, then
 * renamed. Killed or cut off at any moment it leaves the target as it was, and the next run goes on with
 * what is right in the draft. Never writes to anything that was there.
 * @throws Fault snapshot-missing: no source has a chunk · snapshot-corrupt: the manifest contradicts itself · disk-full ·
 *   storage-failed · refused: the target is taken, or a link leads out of the tree · conflict: another restore of the
 *   same snapshot took over
 */
export async function restoreSnapshot(options: RestoreSnapshotOptions): Promise<RestoredSnapshot> {
  const { fs = nodeFs, missing, space, already, site } = options;
  if (already !== undefined) {
    await withFsFaults(`cleaning ${site.draftFolder}`, () => clean(fs, dirname(already), options));
    return { path: already, bytesBySource: {}, dropped: [], hedged: 0, draftBytes: 0, isResumed: false };
  }
  if (missing)
    throw new Fault("snapshot-missing", `no source has ${missing.bytes} bytes, the first of ${missing.path}`);
  if (space.freeBytes < space.neededBytes)
    throw new Fault("disk-full", `${space.neededBytes} bytes are needed, ${space.freeBytes} are free`);
  refuseUnproved(options);
  return withFsFaults(`restoring to ${site.targets[0]}`, () => restore(options));
}

function refuseUnproved({ check, tree }: RestoreSnapshotOptions): void {
  const bare = check === "sha256" ? tree.files.find(({ sha256 }) => sha256 === undefined) : undefined;
  if (bare)
    throw new Fault("refused", `the manifest has no SHA-256 of ${bare.path}`, {
      hint: "It was taken with the digest blake3: its chunks' ids prove it as well, which is the default.",
    });
}

/** A crash after the last rename leaves the name not durable, and the rest of the draft. */
async function clean(fs: Fs, folder: string, { site, ...wanted }: RestoreSnapshotOptions): Promise<void> {
  await fs.syncDir(folder);
  const { usable, useless } = await findDraft(fs, site, wanted);
  for (const draft of usable === undefined ? useless : [usable, ...useless]) await removeTree(fs, draft);
}

async function restore(options: RestoreSnapshotOptions): Promise<RestoredSnapshot> {
  const { fs = nodeFs, random = randomBytes, wallMs = Date.now, id, treeDigest, site, tree } = options;
  const draft = await openDraft(fs, site, { id, treeDigest, random });
  try {
    const report = await fill(draft, options);
    await finishTree(fs, await fs.realpath(draft.tree), tree);
    const path = await freeTarget(fs, site);
    await fs.rename(draft.tree, path);
    await fs.syncDir(dirname(path));
    await fs.syncDir(draft.folder);
    await tidy(fs, draft, { site, wallMs });
    return { path, isResumed: draft.isResumed, ...report };
  } catch (error) {
    if (error instanceof Error && "code" in error && !(await isThere(fs, draft.folder)))
      throw new Fault("conflict", `another restore of ${id} to the same place took over`, { cause: error });
    // Whoever is served from the same disk needs the space more than the next try needs the bytes.
    if (fullDisk.has(errnoOf(error) ?? "")) await removeTree(fs, draft.folder).catch(() => {});
    throw error;
  }
}

/** The version is there, whole and durable: what cannot be removed now is left to the next run. */
async function tidy(
  fs: Fs,
  { folder }: RestoreDraft,
  { site, wallMs }: Pick<RestorePlan, "site"> & { wallMs: () => number },
): Promise<void> {
  try {
    await removeTree(fs, folder);
    await pruneDrafts(fs, site, wallMs());
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

const fullDisk = new Set(["ENOSPC", "EDQUOT"]);

async function fill(
  draft: RestoreDraft,
  {
    fs = nodeFs,
    clock = systemClock,
    filesAtOnce = 4,
    chunksAtOnce = 8,
    check = "chunks",
    ...options
  }: RestoreSnapshotOptions,
): Promise<FetchReport & { draftBytes: number }> {
  const { tree, sources, checks, whole, totalBytes, onProgress, signal, hedge } = options;
  const fetcher = createChunkFetcher({ sources, isChunk: checks.isChunk, clock, ...hedge });
  const progress = createProgress({ totalBytes, clock, onProgress });
  const had = { draft: 0, clone: 0 };
  await prepareTree(fs, draft.tree, tree);
  const root = await fs.realpath(draft.tree);
  const work = {
    fs,
    root,
    checks,
    check,
    chunksAtOnce,
    signal,
    fetch: (chunk: ChunkRef) => fetcher.fetch(chunk, signal),
    done: fetcher.done,
    // Whoever takes a draft over gives it another name, and what was open would still be written to.
    beforeWrite: nowAndThen(() => fs.lstat(draft.folder), clock),
    cloneOf: (path: string) => whole.get(path),
    onBytes(bytes: number, from: "draft" | "clone" | "source") {
      if (from !== "source") had[from] += bytes;
      progress.add(bytes);
    },
  };
  await eachAtOnce(tree.files, { max: filesAtOnce, signal }, (file) => restoreFile(file, work));
  progress.end();
  const { bytesBySource, ...report } = fetcher.report();
  if (had.clone > 0) bytesBySource.local = (bytesBySource.local ?? 0) + had.clone;
  return { ...report, bytesBySource, draftBytes: had.draft };
}

/** A write that was begun just before a takeover puts the same bytes to the same place: so may those of some milliseconds. */
const sameMomentMs = 10;

/** Asks again only when the last answer is not of the same moment. */
function nowAndThen(ask: () => Promise<unknown>, { monotonicMs }: Clock): () => Promise<unknown> {
  let last = { ms: Number.NEGATIVE_INFINITY, answer: Promise.resolve() as Promise<unknown> };
  return () => {
    const ms = monotonicMs();
    if (ms - last.ms >= sameMomentMs) last = { ms, answer: ask() };
    return last.answer;
  };
}

/** A file system that does not answer leaves it open, and the first error stands. */
const isThere = async (fs: Fs, path: string): Promise<boolean> =>
  (await ifThere(fs.lstat(path)).catch(() => true)) !== undefined;
