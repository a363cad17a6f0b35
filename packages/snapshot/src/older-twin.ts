import { join } from "node:path";
import { type Fs, nodeFs } from "./fs.ts";
import { listTwins, twinPath } from "./open-twin.ts";
import { snapshotPlaces } from "./snapshot-places.ts";

/**
 * Folder of the files of the twin that was made last, of those of other trees: an older version that this machine still
 * has. Not verified; whoever reads there compares. Undefined where there is none.
 */
export async function olderTwin({
  dir,
  than,
  fs = nodeFs,
}: {
  dir: string;
  than: string | null;
  fs?: Fs;
}): Promise<string | undefined> {
  const { twinRoot } = await snapshotPlaces({ dir, fs });
  let newest: { path: string; madeNs: bigint } | undefined;
  for (const digest of await listTwins({ dir, twinRoot, fs })) {
    if (digest === than) continue;
    const path = join(twinPath(twinRoot, digest), "files");
    const { mtimeNs } = await fs.lstat(twinPath(twinRoot, digest));
    if (!newest || mtimeNs > newest.madeNs) newest = { path, madeNs: mtimeNs };
  }
  return newest?.path;
}
