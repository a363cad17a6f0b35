import { assert, Fault, type Tree, type TreeFile } from "@locum/contracts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere, withFsFaults } from "./fs-fault.ts";
import { type HashedFile, hashFile } from "./hash-file.ts";
import type { Ignore } from "./ignore.ts";
import { type Pace, unpaced } from "./pace.ts";
import type { Stamp } from "./stamp.ts";
import { treeOf } from "./tree-digest.ts";
import { type WalkedFile, type WalkLimits, walkTree } from "./walk-tree.ts";

export type ScanOptions = {
  dir: string;
  ignore?: Ignore | undefined;
  pace?: Pace;
  fs?: Fs;
  limits?: WalkLimits;
  /** An earlier look: a file whose stamp is the same is not read again. */
  known?: LiveTree | undefined;
  signal?: AbortSignal;
};

/** A tree and the stamps that its files had when they were hashed. */
export type LiveTree = { tree: Tree; stamps: ReadonlyMap<string, Stamp> };

/** How often files that change under the reader are read again before the scan gives up. */
const roundsMax = 4;

/**
 * Hashes all files of a model directory. The answer is one moment's truth: the scan ends only when a walk after
 * the last read finds every file as it was read.
 * @throws Fault tree-changed (files kept changing), refused, storage-failed
 */
export const scanTree = async (options: ScanOptions): Promise<Tree> => (await scanLive(options)).tree;

export async function scanLive({
  dir,
  ignore,
  pace = unpaced,
  fs = nodeFs,
  limits,
  known,
  signal,
}: ScanOptions): Promise<LiveTree> {
  // By stamp, not by path: caches link one content under several names, and it is read once.
  const hashed = new Map<Stamp, HashedFile>();
  for (const file of known?.tree.files ?? []) {
    const stamp = known?.stamps.get(file.path);
    if (stamp) hashed.set(stamp, file);
  }
  return withFsFaults(`reading ${dir}`, async () => {
    let walk = await walkTree({ dir, fs, ignore, limits });
    for (let round = 0; round < roundsMax; round++) {
      for (const { real, stamp } of walk.files) {
        if (hashed.has(stamp)) continue;
        const hash = await ifThere(hashFile(fs, real, { stamp, pace, signal }));
        if (hash) hashed.set(stamp, hash);
      }
      walk = await walkTree({ dir, fs, ignore, limits });
      if (walk.files.every(({ stamp }) => hashed.has(stamp))) return liveTree(walk.files, hashed);
    }
    throw tornFault(walk.files.filter(({ stamp }) => !hashed.has(stamp)).map(({ path }) => path));
  });
}

function liveTree(files: readonly WalkedFile[], hashed: ReadonlyMap<Stamp, HashedFile>): LiveTree {
  const entries = files.map(({ path, stamp }): TreeFile => {
    const hash = hashed.get(stamp);
    assert(hash, `${path} was hashed before the scan ended`);
    return { path, size: hash.size, digest: hash.digest, chunks: hash.chunks };
  });
  return { tree: treeOf(entries), stamps: new Map(files.map(({ path, stamp }) => [path, stamp])) };
}

const tornFault = (paths: string[]): Fault =>
  new Fault(
    "tree-changed",
    `torn: still being written after ${roundsMax} reads: ${paths.slice(0, 10).join(", ")}`,
    {
      hint: "Something writes to the model files now; they are read again when it has finished.",
    },
  );
