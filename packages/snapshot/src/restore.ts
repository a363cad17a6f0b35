import { Fault, type Tree } from "@locum/contracts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere, withFsFaults } from "./fs-fault.ts";
import type { Ignore } from "./ignore.ts";
import { type Pace, unpaced } from "./pace.ts";
import { restoreByRename } from "./restore-by-rename.ts";
import { restoreByVersion } from "./restore-by-version.ts";
import type { LiveTree } from "./scan-tree.ts";
import type { Source } from "./source.ts";

export type RestorePhase = "judge" | "clone" | "swap" | "verify";

export type RestoreOptions = {
  dir: string;
  /** Digest of the live tree that was judged: the restore happens only while the files still are that tree. */
  expected: string;
  target: Tree;
  source: Source;
  /** Both default to `snapshotPlaces(dir)`; whoever sets them sets them for recoverRestore too. */
  journalDir?: string | undefined;
  displacedDir?: string | undefined;
  /** Asked before anything is written and again right before the swap: true stops the restore. */
  writerSeen?: (() => boolean | Promise<boolean>) | undefined;
  ignore?: Ignore | undefined;
  /** A look at the live tree (of the watch): files that have the same stamp and are right are not read again. */
  known?: LiveTree | undefined;
  /** Generations of displaced files that are kept, this one included. */
  keepDisplaced?: number;
  pace?: Pace;
  onPhase?: ((phase: RestorePhase) => void) | undefined;
  signal?: AbortSignal | undefined;
  fs?: Fs;
};

/** `displaced`: where the bytes lie that were taken away; null where nothing was. */
export type RestoreResult = {
  method: "rename" | "versions-link";
  live: LiveTree;
  restored: string[];
  removed: string[];
  displaced: string | null;
};

export type RestoreJob = RestoreOptions & Required<Pick<RestoreOptions, "fs" | "pace" | "keepDisplaced">>;

/**
 * Puts the model files back to the target: a compare-and-swap. All bytes are cloned, verified and durable before the
 * first live name changes; the swap is renames alone; the live tree is hashed again before the restore counts. On
 * any failure the live tree is the judged one again; after a crash recoverRestore makes it one of the two.
 * @throws Fault tree-changed (other files than judged, or a writer), conflict (an interrupted restore is open: call
 *   recoverRestore), snapshot-missing, snapshot-corrupt, disk-full, refused, storage-failed
 */
export async function restoreTree(options: RestoreOptions): Promise<RestoreResult> {
  const job: RestoreJob = {
    ...options,
    fs: options.fs ?? nodeFs,
    pace: options.pace ?? unpaced,
    keepDisplaced: Math.max(1, options.keepDisplaced ?? 2),
  };
  if (job.source.tree.digest !== job.target.digest)
    throw new Fault(
      "snapshot-missing",
      `the source holds ${job.source.tree.digest}, not ${job.target.digest}`,
    );
  return withFsFaults(`restoring ${job.dir}`, async () => {
    const stat = await ifThere(job.fs.lstat(job.dir));
    return stat?.kind === "link" ? restoreByVersion(job) : restoreByRename(job);
  });
}
