import { join } from "node:path";
import { assert, Fault, type Tree, type TreeFile } from "@locum/contracts";
import { copyTree } from "./copy-tree.ts";
import type { ChunkReader } from "./copy-verified.ts";
import { makeDirs, removeTree, writeDurable } from "./durable.ts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere, withFsFaults } from "./fs-fault.ts";
import { readChunk, sha256 } from "./hash-file.ts";
import { openTwin, type Twin, twinPath } from "./open-twin.ts";
import { type Pace, unpaced } from "./pace.ts";
import { pruneTwins } from "./prune-twins.ts";
import { resolveInside } from "./resolve-inside.ts";
import { snapshotPlaces } from "./snapshot-places.ts";

/** Room that is left to everybody else on the disk. */
const marginBytes = 64 * 1024 * 1024;

/**
 * Copies the live files of a tree to a twin: bytes and inodes of its own, so that nothing that happens to the live
 * files (an overwrite in place above all) happens to it. Gives the twin that is there already, if it verifies.
 * A crash at any moment leaves no twin or a whole one.
 * @throws Fault tree-changed (the live files are not this tree), disk-full, refused, storage-failed
 */
export async function stageTwin({
  dir,
  tree,
  twinRoot,
  keep = 2,
  pinned = [],
  pace = unpaced,
  fs = nodeFs,
  signal,
}: {
  dir: string;
  tree: Tree;
  twinRoot?: string;
  /** Twins that stay beside the pinned ones, this one included. */
  keep?: number;
  /** Tree digests that are never pruned: those of approved releases. */
  pinned?: readonly string[];
  pace?: Pace;
  fs?: Fs;
  signal?: AbortSignal;
}): Promise<Twin> {
  return withFsFaults(`copying ${dir}`, async () => {
    const root = twinRoot ?? (await snapshotPlaces({ dir, fs })).twinRoot;
    await makeDirs(fs, root, 0o700);
    for (const name of await fs.readdir(root))
      if (name.startsWith("draft-")) await removeTree(fs, join(root, name));
    const there = await openSound();
    if (there) return there;

    await refuseFullDisk(fs, root, tree);
    const place = twinPath(root, tree.digest);
    const draft = join(root, `draft-${tree.digest.slice(7)}`);
    try {
      await copyLive({ fs, dir: await fs.realpath(dir), tree, draft, pace, signal });
      // Only a twin that does not verify can be in the way.
      await removeTree(fs, place);
      await fs.rename(draft, place);
    } catch (error) {
      await removeTree(fs, draft).catch(() => {});
      throw error;
    }
    await fs.syncDir(root);
    await pruneTwins({ fs, twinRoot: root, keep, pinned: [...pinned, tree.digest] });
    return openTwin({ dir, twinRoot: root, digest: tree.digest, verify: "names", fs });

    async function openSound(): Promise<Twin | undefined> {
      try {
        return await openTwin({ dir, twinRoot: root, digest: tree.digest, fs, pace });
      } catch (error) {
        if (error instanceof Fault && /^snapshot-/.test(error.code)) return undefined;
        throw error;
      }
    }
  });
}

async function copyLive({
  fs,
  dir,
  tree,
  draft,
  pace,
  signal,
}: {
  fs: Fs;
  dir: string;
  tree: Tree;
  draft: string;
  pace: Pace;
  signal: AbortSignal | undefined;
}): Promise<void> {
  const places = new Map<string, string>();
  const modes: Record<string, number> = {};
  for (const { path } of tree.files) {
    const live = join(dir, await resolveInside(fs, dir, path));
    places.set(path, live);
    modes[path] = ((await ifThere(fs.lstat(live)))?.mode ?? 0o644) & 0o777;
  }
  await fs.mkdir(draft, 0o700);
  await writeDurable(fs, join(draft, "twin.json"), JSON.stringify({ tree, modes }));
  await copyTree({
    fs,
    tree,
    to: join(draft, "files"),
    readerOf: (file) => liveReader(fs, places.get(file.path) ?? "", file),
    fileModeOf: () => 0o444,
    dirMode: 0o555,
    pace,
    signal,
  });
  await fs.syncDir(draft);
}

/** Reads the live file; a chunk that is not the tree's means that the files changed since they were hashed. */
function liveReader(fs: Fs, live: string, file: TreeFile): ChunkReader {
  return async (chunk, buffer) => {
    const handle = await ifThere(fs.open(live, "r"));
    try {
      const bytes = handle && (await readChunk(handle, buffer, chunk));
      const digest = file.chunks[chunk];
      assert(digest !== undefined, "a chunk of the tree");
      if (!bytes || (await sha256(bytes)) !== digest)
        throw new Fault("tree-changed", `${file.path} is not what was hashed: chunk ${chunk} differs`);
      return bytes;
    } finally {
      await handle?.close();
    }
  };
}

export async function refuseFullDisk(
  fs: Fs,
  path: string,
  { files }: { files: readonly TreeFile[] },
): Promise<void> {
  const need = files.reduce((sum, { size }) => sum + size, marginBytes);
  const free = await fs.freeBytes(path);
  if (free < need)
    throw new Fault("disk-full", `a verified copy needs ${need} bytes at ${path}, ${free} are free`);
}
