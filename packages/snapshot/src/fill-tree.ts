import type { Tree } from "@locum/contracts";
import { makeDirs } from "./durable.ts";
import { type Fs, nodeFs } from "./fs.ts";
import { withFsFaults } from "./fs-fault.ts";
import { type Pace, unpaced } from "./pace.ts";
import { recoverRestore } from "./recover-restore.ts";
import { restoreTree } from "./restore.ts";
import { scanLive } from "./scan-tree.ts";
import type { Source } from "./source.ts";
import { walkTree } from "./walk-tree.ts";

/** `whole`: nothing is missing, by names and sizes. `foreign`: a file is there that is not the target's. */
export type Filled =
  | { outcome: "whole" }
  | { outcome: "foreign"; path: string }
  | { outcome: "filled"; restored: string[] };

/**
 * Gives a directory the files of the target that it lacks, and only where all that it has are the target's own: what
 * somebody else put there is not touched. The directory is made where it is not there. Ends a restore that a crash
 * interrupted first, so that it may itself be interrupted and called again.
 * @throws Fault snapshot-corrupt, snapshot-missing, tree-changed, disk-full, refused, storage-failed
 */
export async function fillTree({
  dir,
  target,
  source,
  onWrite,
  pace = unpaced,
  fs = nodeFs,
}: {
  dir: string;
  target: Tree;
  source: Source;
  /** Asked before the first byte is written. */
  onWrite?: () => Promise<void>;
  pace?: Pace;
  fs?: Fs;
}): Promise<Filled> {
  return withFsFaults(`filling ${dir}`, async () => {
    await makeDirs(fs, dir);
    await recoverRestore({ dir, fs });
    const wanted = new Map(target.files.map((file) => [file.path, file]));
    const { files } = await walkTree({ dir, fs });
    const other = files.find(({ path, size }) => wanted.get(path)?.size !== size);
    if (other) return { outcome: "foreign", path: other.path };
    // A start must not wait until all bytes were read: the watch reads them, and judges.
    if (files.length === wanted.size) return { outcome: "whole" };
    const live = await scanLive({ dir, fs, pace });
    const changed = live.tree.files.find(({ path, digest }) => wanted.get(path)?.digest !== digest);
    if (changed) return { outcome: "foreign", path: changed.path };
    await onWrite?.();
    const { digest: expected } = live.tree;
    const { restored } = await restoreTree({ dir, expected, target, source, known: live, pace, fs });
    return { outcome: "filled", restored };
  });
}
