import { join } from "node:path";
import type { Fs, FsStat } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";

/** Everything below `root`, folders before what is in them, links not followed. */
export async function* treeNames(
  fs: Fs,
  root: string,
  folder = "",
): AsyncGenerator<{ path: string; stat: FsStat }> {
  for (const name of await fs.readdir(join(root, folder))) {
    const path = folder === "" ? name : `${folder}/${name}`;
    const stat = await ifThere(fs.lstat(join(root, path)));
    if (!stat) continue;
    yield { path, stat };
    if (stat.kind === "dir") yield* treeNames(fs, root, path);
  }
}
