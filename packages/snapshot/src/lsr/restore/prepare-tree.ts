import { join } from "node:path";
import { removeTree } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import type { ExpectedTree } from "./expected-tree.ts";
import { treeNames } from "./tree-names.ts";

/**
 * The draft with all folders, writable to us, and nothing that is not of the tree. Links go too: they are made last, so
 * that no file is ever written through one, not even where a file system takes two names for the same.
 */
export async function prepareTree(fs: Fs, root: string, { kinds, folders }: ExpectedTree): Promise<void> {
  const strange: string[] = [];
  for await (const { path, stat } of treeNames(fs, root)) {
    const isOurs = kinds.get(path) === stat.kind && stat.kind !== "link";
    if (!isOurs) strange.push(path);
    else if (stat.kind === "dir" && (stat.mode & 0o700) !== 0o700) await fs.chmod(join(root, path), 0o700);
  }
  for (const path of strange) await removeTree(fs, join(root, path));
  for (const path of folders.keys())
    if (!(await ifThere(fs.lstat(join(root, path))))) await fs.mkdir(join(root, path), 0o700);
}
