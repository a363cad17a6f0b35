import { Fault } from "@locum/contracts";
import type { RestoreJob } from "./restore.ts";
import { type LiveTree, scanLive } from "./scan-tree.ts";
import { walkTree } from "./walk-tree.ts";

/**
 * The compare of compare-and-swap. Files that differ from the target are hashed again whatever is known of them:
 * they are the reason to restore. @throws Fault tree-changed
 */
export async function judgeLive(job: RestoreJob): Promise<LiveTree> {
  await refuseWriter(job);
  job.onPhase?.("judge");
  const right = new Map(job.target.files.map((file) => [file.path, file.digest]));
  const known = job.known && {
    tree: { ...job.known.tree, files: job.known.tree.files.filter((f) => right.get(f.path) === f.digest) },
    stamps: job.known.stamps,
  };
  const { dir, ignore, fs, pace } = job;
  const live = await scanLive({ dir, ignore, fs, pace, known });
  if (live.tree.digest !== job.expected)
    throw new Fault("tree-changed", `${dir} is ${live.tree.digest}, not the judged ${job.expected}`);
  return live;
}

/** The same question right before the swap, by stamps alone: nothing was written since the bytes were hashed. */
export async function refuseChange(job: RestoreJob, { stamps }: LiveTree): Promise<void> {
  await refuseWriter(job);
  const { files } = await walkTree({ dir: job.dir, fs: job.fs, ignore: job.ignore });
  const changed = files.find(({ path, stamp }) => stamps.get(path) !== stamp);
  if (changed || files.length !== stamps.size)
    throw new Fault(
      "tree-changed",
      `${job.dir} was written while the copies were made: ${changed?.path ?? "a file is gone"}`,
    );
}

async function refuseWriter({ writerSeen, dir }: RestoreJob): Promise<void> {
  if (await writerSeen?.()) throw new Fault("tree-changed", `something writes to ${dir} now`);
}
