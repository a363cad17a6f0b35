import { basename, join, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { removeTree } from "../../durable.ts";
import { type Fs, nodeFs } from "../../fs.ts";
import { ifThere, withFsFaults } from "../../fs-fault.ts";
import { versionName } from "./restore-site.ts";

export type SwappedCurrent = {
  /** The version that `current` leads to now, and what it led to before; null where there was none. */
  current: string;
  before: string | null;
  /** Older versions that were removed. */
  removed: string[];
};

const removing = ".locum-removed-";

/**
 * Lets `to/current` lead to a version, by one rename: whoever opens it sees the old version or the new one. The version
 * before stays, with so many older ones that `kept` (at least 1) are there beside the new; swapped back is rolled back.
 * `expected` is what `current` must lead to now, null for none.
 * @throws Fault tree-changed: it leads elsewhere · refused: `current` is no link, or the version is no folder
 */
export function swapCurrent({
  to,
  version,
  kept = 1,
  expected,
  fs = nodeFs,
}: {
  to: string;
  /** A path as `restoreSnapshot` gives it, or the version's name. */
  version: string;
  kept?: number;
  expected?: string | null;
  fs?: Fs;
}): Promise<SwappedCurrent> {
  const root = resolve(to);
  const name = basename(version);
  return withFsFaults(`swapping ${join(root, "current")}`, async () => {
    await refuseOther(fs, root, name);
    const link = await currentLink(fs, root);
    const before = link === null ? null : basename(link);
    if (expected !== undefined && before !== (expected === null ? null : basename(expected)))
      throw new Fault("tree-changed", `current leads to ${before ?? "nothing"}, ${expected} was expected`);
    if (link !== join("versions", name)) await switchLink(fs, root, name);
    // Done already, perhaps by a run that was killed: which version was before is not known then, so none is removed.
    const isDone = before === name;
    const removed = await prune(fs, root, {
      kept: isDone ? Number.POSITIVE_INFINITY : Math.max(1, kept),
      stay: new Set([name, before]),
    });
    return { current: name, before, removed };
  });
}

async function refuseOther(fs: Fs, root: string, name: string): Promise<void> {
  if (!versionName.test(name)) throw new Fault("refused", `${name} is no version's name`);
  const folder = join(root, "versions", name);
  if ((await ifThere(fs.lstat(join(root, "versions"))))?.kind !== "dir")
    throw new Fault("refused", `${root} has no folder of versions`);
  if ((await ifThere(fs.lstat(folder)))?.kind !== "dir")
    throw new Fault("refused", `${folder} is no folder, so current cannot lead there`);
}

async function currentLink(fs: Fs, root: string): Promise<string | null> {
  const path = join(root, "current");
  const kind = (await ifThere(fs.lstat(path)))?.kind;
  if (kind === undefined) return null;
  if (kind !== "link")
    throw new Fault("refused", `${path} is a ${kind} and no link, and is not replaced`, {
      hint: "Move it away: current must be a link that Locum made.",
    });
  return fs.readlink(path);
}

async function switchLink(fs: Fs, root: string, name: string): Promise<void> {
  const draft = join(root, ".locum-link-current");
  await ifThere(fs.unlink(draft));
  await fs.symlink(join("versions", name), draft);
  await fs.rename(draft, join(root, "current"));
  await fs.syncDir(root);
}

/** Renamed before it is removed: a version with half of its files must not keep the name of a whole one. */
async function prune(
  fs: Fs,
  root: string,
  { kept, stay }: { kept: number; stay: ReadonlySet<string | null> },
): Promise<string[]> {
  const folder = join(root, "versions");
  const old: { name: string; ctimeNs: bigint }[] = [];
  for (const name of await fs.readdir(folder)) {
    if (name.startsWith(removing)) await removeTree(fs, join(folder, name));
    const stat = versionName.test(name) && !stay.has(name) ? await fs.lstat(join(folder, name)) : undefined;
    if (stat?.kind === "dir") old.push({ name, ctimeNs: stat.ctimeNs });
  }
  old.sort((a, b) => (a.ctimeNs < b.ctimeNs ? 1 : -1));
  // The version before counts as one that is kept.
  const names = old.slice(stay.has(null) ? kept : kept - 1).map(({ name }) => name);
  for (const name of names) {
    await fs.rename(join(folder, name), join(folder, `${removing}${name}`));
    await fs.syncDir(folder);
    await removeTree(fs, join(folder, `${removing}${name}`));
  }
  return names;
}
