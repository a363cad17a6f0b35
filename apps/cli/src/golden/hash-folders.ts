import { Fault, type Tree } from "@locum/contracts";
import { diffTrees, type LiveTree, scanLive } from "@locum/snapshot";

type Folder = { id: string; modelDir?: string | undefined };
/** The one tree that all folders hold, null where no instance names one; `looks` make the next look quick. */
export type Hashed = { tree: Tree | null; looks: ReadonlyMap<string, LiveTree> };

/**
 * Hashes the model folders. A release is one content, so folders that differ are refused, with the files that differ.
 * @throws Fault golden-disagree | not-found | tree-changed
 */
export async function hashFolders(folders: readonly Folder[], before?: Hashed): Promise<Hashed> {
  const looks = new Map<string, LiveTree>();
  let first: { id: string; tree: Tree } | undefined;
  for (const { id, modelDir } of folders) {
    if (modelDir === undefined) continue;
    const look = await scanLive({ dir: modelDir, known: before?.looks.get(id) });
    const { tree } = look;
    if (tree.files.length === 0)
      throw new Fault("not-found", `${id}: ${modelDir} holds no model files`, {
        hint: "modelDir names the folder that the model server reads; leave it out where it is not at hand.",
      });
    if (first && first.tree.digest !== tree.digest) throw disagreement(first, { id, tree });
    first ??= { id, tree };
    looks.set(id, look);
  }
  return { tree: first?.tree ?? null, looks };
}

function disagreement(a: { id: string; tree: Tree }, b: { id: string; tree: Tree }): Fault {
  const { added, removed, changed } = diffTrees(a.tree, b.tree);
  const names = [
    ...changed.map(({ path }) => `${path} differs`),
    ...added.map((path) => `${path} only on ${b.id}`),
    ...removed.map((path) => `${path} only on ${a.id}`),
  ];
  const shown = names.slice(0, 8).join(", ") + (names.length > 8 ? ` and ${names.length - 8} more` : "");
  return new Fault("golden-disagree", `the model folders of ${a.id} and ${b.id} are not the same: ${shown}`);
}

/** Files that changed while the goldens were asked belong to another release than the answers. */
export function assertSameTree(before: Hashed, after: Hashed): void {
  if (before.tree?.digest === after.tree?.digest) return;
  throw new Fault(
    "tree-changed",
    "the model files changed while the goldens were recorded; nothing was written",
    {
      hint: "Record again when the deploy has finished.",
    },
  );
}
