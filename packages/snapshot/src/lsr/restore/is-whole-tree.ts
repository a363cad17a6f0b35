import { join } from "node:path";
import { ifThere } from "../../fs-fault.ts";
import { chunkRefs, type ManifestFile } from "../manifest/manifest-body.ts";
import { type ExpectedTree, grantedMode } from "./expected-tree.ts";
import { type Look, scanChunks } from "./scan-chunks.ts";
import { treeNames } from "./tree-names.ts";

/** Whether the folder holds exactly the tree: every byte, name, link and mode. Times may differ. */
export async function isWholeTree(root: string, tree: ExpectedTree, look: Look): Promise<boolean> {
  const { fs } = look;
  if ((await ifThere(fs.lstat(root)))?.kind !== "dir") return false;
  let names = 0;
  for await (const { path, stat } of treeNames(fs, root)) {
    if (tree.kinds.get(path) !== stat.kind) return false;
    if (stat.kind === "dir" && stat.mode !== tree.folders.get(path)) return false;
    names++;
  }
  if (names !== tree.kinds.size) return false;
  for (const { path, target } of tree.links)
    if ((await fs.readlink(join(root, path))) !== target) return false;
  for (const file of tree.files) if (!(await isWholeFile(join(root, file.path), file, look))) return false;
  return true;
}

async function isWholeFile(path: string, file: ManifestFile, look: Look): Promise<boolean> {
  const stat = await look.fs.lstat(path);
  if (stat.size !== file.size || stat.mode !== grantedMode(file.mode)) return false;
  let good = 0;
  await scanChunks(path, file, look, () => {
    good++;
  });
  return good === chunkRefs(file).length;
}
