import { join } from "node:path";
import { Fault, TreePath } from "@locum/contracts";
import type { Fs, FsStat } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import { type Ignore, isIgnored } from "./ignore.ts";
import { isInside } from "./resolve-inside.ts";
import { type Stamp, stampOf } from "./stamp.ts";

export type WalkLimits = { filesMax: number; depthMax: number };
export const walkLimits: WalkLimits = { filesMax: 10_000, depthMax: 16 };

/** `real` is where the bytes are: another place than `path` says where symbolic links lead there. */
export type WalkedFile = { path: string; real: string; stamp: Stamp; size: number };
export type Walk = { files: WalkedFile[]; dirs: string[] };

/**
 * Lists the files that belong to a tree, without reading them. Dot-files, dot-folders, ignored paths and what programs
 * leave behind (`__pycache__`, `lost+found`) do not belong. Symbolic links are followed while they stay inside; one that leads nowhere or into itself has no content
 * and is left out. A directory that is not there is an empty tree: losing all files is a change like another.
 * @throws Fault refused: a link that leads out, a socket or device, a name outside the rules, another device,
 *   more than the limits
 */
export async function walkTree({
  dir,
  fs,
  ignore = [],
  limits = walkLimits,
}: {
  dir: string;
  fs: Fs;
  ignore?: Ignore | undefined;
  limits?: WalkLimits | undefined;
}): Promise<Walk> {
  const root = await ifThere(fs.realpath(dir));
  const walk: Walk = { files: [], dirs: [] };
  if (root === undefined) return walk;
  const rootStat = await fs.lstat(root);
  if (rootStat.kind !== "dir") throw new Fault("refused", `${dir} is no directory`);

  async function enter(real: string, path: string, above: readonly string[]): Promise<void> {
    if (above.length > limits.depthMax)
      throw new Fault("refused", `${path} is more than ${limits.depthMax} folders deep`);
    walk.dirs.push(real);
    refuseTooMany();
    for (const name of ((await ifThere(fs.readdir(real))) ?? []).toSorted()) {
      if (isForeign(name)) continue;
      const inner = path === "" ? name : `${path}/${name}`;
      // Bytes that are no UTF-8 come back as U+FFFD: such a file could be listed and never opened.
      if (name.includes("\uFFFD")) throw badName(inner);
      if (!isIgnored(ignore, inner)) await visit(join(real, name), inner, [...above, real]);
    }
  }

  async function visit(place: string, path: string, above: readonly string[]): Promise<void> {
    const found = await follow(place, path);
    // Gone between the listing and the look: the next walk tells the truth about it.
    if (!found) return;
    const { real, stat } = found;
    if (stat.kind === "other")
      throw new Fault("refused", `${path} is a socket, pipe or device, no model file`);
    // Folders alone tell: an overlay file system gives its files the device of the layer that they lie in.
    if (stat.kind === "dir" && stat.dev !== rootStat.dev)
      throw new Fault(
        "refused",
        `${path} is on another device than ${dir}: give each mount a snapshot of its own`,
      );
    if (stat.kind === "dir") {
      if (!above.includes(real)) await enter(real, path, above);
      return;
    }
    if (!TreePath.safeParse(path).success) throw badName(path);
    walk.files.push({ path, real, stamp: stampOf(stat), size: stat.size });
    refuseTooMany();
  }

  async function follow(place: string, path: string): Promise<{ real: string; stat: FsStat } | undefined> {
    const stat = await ifThere(fs.lstat(place));
    if (stat?.kind !== "link") return stat && { real: place, stat };
    const real = await ifThere(fs.realpath(place).catch(loopIsMissing));
    if (real === undefined) return undefined;
    if (!isInside(root ?? dir, real))
      throw new Fault("refused", `${path} is a link to ${real}, outside of ${dir}`, {
        hint: "Name the folder that holds both (of a Hugging Face cache: models--OWNER--NAME).",
      });
    const target = await ifThere(fs.lstat(real));
    return target && { real, stat: target };
  }

  function refuseTooMany(): void {
    if (walk.files.length > limits.filesMax || walk.dirs.length > limits.filesMax)
      throw new Fault("refused", `${dir} holds more than ${limits.filesMax} files or folders`);
  }

  await enter(root, "", []);
  walk.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return walk;
}

/**
 * What others write beside a model: Python's compiled copies, which differ from one start to the next (Triton's Python
 * models have them), and the folder that a file system keeps in its root for its own repairs.
 */
const notTheModels: ReadonlySet<string> = new Set(["__pycache__", "lost+found"]);

export const isForeign = (name: string): boolean => name.startsWith(".") || notTheModels.has(name);

function loopIsMissing(error: NodeJS.ErrnoException): never {
  if (error.code === "ELOOP") error.code = "ENOENT";
  throw error;
}

const badName = (path: string): Fault =>
  new Fault("refused", `${JSON.stringify(path)} is no name for a model file`);
