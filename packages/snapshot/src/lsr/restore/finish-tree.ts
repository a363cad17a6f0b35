import { join } from "node:path";
import type { Fs } from "../../fs.ts";
import { errnoOf } from "../../fs-fault.ts";
import { resolveInside } from "../../resolve-inside.ts";
import type { ExpectedTree } from "./expected-tree.ts";
import { oneName } from "./one-name.ts";
import { treeNames } from "./tree-names.ts";

/**
 * Links, then the modes of the folders, each durable, those below first. Then all names are compared with the tree's, so
 * that a file system that takes two names for one is found out.
 * @throws Fault refused: a link leads out of the tree, or two names are one here
 */
export async function finishTree(fs: Fs, root: string, tree: ExpectedTree): Promise<void> {
  for (const { path, target } of tree.links) await makeLink(fs, { root, path, target });
  // Where a link leads depends on the others: only now can it be followed.
  for (const { path } of tree.links) await resolveInside(fs, root, path);
  for (const [path, mode] of [...tree.folders].toReversed()) {
    const folder = join(root, path);
    // Synced before it may become one that cannot be opened; its own mode is made durable by the folder above.
    await fs.syncDir(folder);
    await fs.chmod(folder, mode);
    if ((mode & 0o400) !== 0) await fs.syncDir(folder);
  }
  await fs.syncDir(root);
  let names = 0;
  for await (const { path, stat } of treeNames(fs, root)) {
    if (tree.kinds.get(path) !== stat.kind) throw oneName(path);
    names++;
  }
  if (names !== tree.kinds.size) throw oneName(root);
}

async function makeLink(
  fs: Fs,
  { root, path, target }: { root: string; path: string; target: string },
): Promise<void> {
  try {
    await fs.symlink(target, join(root, path));
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw oneName(path);
    throw error;
  }
}
