import { dirname } from "node:path";
import { Fault, type Tree, type TreeFile } from "@locum/contracts";
import { ifThere } from "./fs-fault.ts";
import { resolveInside } from "./resolve-inside.ts";
import type { Step } from "./restore-journal.ts";
import type { Site } from "./restore-site.ts";
import { placedStampOf } from "./stamp.ts";

export type Plan = { steps: Step[]; files: TreeFile[]; madeDirs: string[] };

/** Stamp of a clone that is not made yet. */
const unmade = "0:0:0";

/**
 * Which names must change so that the live files become the target. The server's paths stay as they are: where a
 * path is a symbolic link, the file that it leads to is put right, once, for all paths that lead there. Removals
 * come first, since a file may stand where the target needs a folder.
 * @throws Fault refused: links make one file of paths that the target holds different
 */
export async function planRestore(site: Site, live: Tree, target: Tree): Promise<Plan> {
  const { fs, root } = site;
  const before = new Map(live.files.map((file) => [file.path, file]));
  const wanted = await locateWanted(site, before, target);
  const steps: Step[] = [];
  const wantedPaths = new Set(target.files.map((file) => file.path));
  for (const { path } of live.files) {
    if (wantedPaths.has(path)) continue;
    const location = await resolveInside(fs, root, path, { last: "keep" });
    if (wanted.all.has(location))
      throw new Fault("refused", `${path} must go, and other paths lead there by links`);
    if (!steps.some((step) => step.location === location))
      steps.push({ location, old: await lookOld(site, location), want: null });
  }
  const files: TreeFile[] = [];
  for (const [location, file] of wanted.differing) {
    const want = { path: file.path, digest: file.digest, clone: String(files.length), stamp: unmade };
    steps.push({ location, old: await lookOld(site, location), want });
    files.push(file);
  }
  return { steps, files, madeDirs: await missingDirs(site, steps) };
}

/** All real places of the target's paths, and those whose file differs. */
async function locateWanted(
  { fs, root }: Site,
  before: ReadonlyMap<string, TreeFile>,
  target: Tree,
): Promise<{ all: Set<string>; differing: Map<string, TreeFile> }> {
  const places = new Map<string, TreeFile[]>();
  const targetPaths = new Set(target.files.map((file) => file.path));
  for (const file of target.files) {
    const followed = await resolveInside(fs, root, file.path);
    // A link is kept where what it leads to belongs to the target or lies out of the tree's sight (`..data/`).
    // Else the target has a file there and nothing behind it: the link is replaced.
    const isKept =
      targetPaths.has(followed) ||
      (!before.has(followed) && (await ifThere(fs.lstat(`${root}/${followed}`))));
    const location = isKept ? followed : await resolveInside(fs, root, file.path, { last: "keep" });
    places.set(location, [...(places.get(location) ?? []), file]);
  }
  const differing = new Map<string, TreeFile>();
  const all = new Set<string>();
  for (const [location, files] of places) {
    const agreed = new Set(files.map((file) => file.digest)).size === 1;
    for (const file of files) {
      // Paths that share a file and shall differ: the links among them are replaced by files.
      const place = agreed ? location : await resolveInside(fs, root, file.path, { last: "keep" });
      const other = differing.get(place);
      if (other && other.digest !== file.digest)
        throw new Fault("refused", `${other.path} and ${file.path} are one file here and must differ`, {
          hint: "Name the link itself as the model directory, so that it is switched as a whole.",
        });
      all.add(place);
      if (before.get(file.path)?.digest !== file.digest && !other) differing.set(place, file);
    }
  }
  return { all, differing };
}

async function lookOld({ fs, root }: Site, location: string): Promise<Step["old"]> {
  const stat = await ifThere(fs.lstat(`${root}/${location}`));
  if (!stat) return null;
  if (stat.kind === "other") throw new Fault("refused", `${location} is a socket, pipe or device`);
  return { kind: stat.kind, stamp: placedStampOf(stat) };
}

async function missingDirs({ fs, root }: Site, steps: readonly Step[]): Promise<string[]> {
  const missing = new Set<string>();
  for (const { location, want } of steps)
    for (let path = dirname(location); want && path !== "."; path = dirname(path))
      if ((await ifThere(fs.lstat(`${root}/${path}`)))?.kind !== "dir") missing.add(path);
  return [...missing].toSorted();
}
