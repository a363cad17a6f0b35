import { dirname, join } from "node:path";
import { Fault } from "@locum/contracts";
import { makeDirs, removeIfEmpty } from "./durable.ts";
import type { FsStat } from "./fs.ts";
import { errnoOf, ifThere, isMissing } from "./fs-fault.ts";
import { resolveInside } from "./resolve-inside.ts";
import type { Journal, Step } from "./restore-journal.ts";
import { clonePath, displacedPath, generationDir, livePath, type Site } from "./restore-site.ts";
import { placedStampOf } from "./stamp.ts";

/**
 * How far a step went, as the disk tells it. `foreign`: a file lies there that is neither the judged one nor ours,
 * or the judged one was taken away: another is at work, and its bytes are not ours to touch.
 */
export type StepState = "fresh" | "half" | "done" | "foreign";

export async function stateOf(site: Site, id: string, step: Step, index: number): Promise<StepState> {
  if (!(await isPlain(site, step))) return "foreign";
  const live = await ifThere(site.fs.lstat(livePath(site, step)));
  const kept = await ifThere(site.fs.lstat(displacedPath(site, id, step, index)));
  if (live && isOurs(step, live)) return "done";
  if (live) return step.old && !kept && isSame(step.old, live) ? "fresh" : "foreign";
  if (!step.want) return kept ? "done" : "foreign";
  if (!step.old) return "fresh";
  return kept ? "half" : "foreign";
}

/**
 * The swap: every step from wherever it stands, then all of it durable. Folders that it emptied go last: the name of
 * a folder must not be lost before the names that were moved out of it are safe.
 * @throws Fault tree-changed: another wrote here
 */
export async function swapSteps(site: Site, { id, steps }: Pick<Journal, "id" | "steps">): Promise<void> {
  for (const [index, step] of steps.entries()) await doStep(site, id, step, index);
  await syncSteps(site, id, steps);
  for (const { want, location } of steps) if (!want) await removeEmptyAbove(site, location);
}

/**
 * Takes the judged file away and puts the clone in its place. Nothing is overwritten: the old file is renamed to
 * where it is kept, looked at there, and given back if it is not the judged one; the clone comes by a link, which
 * fails where another file has appeared meanwhile.
 */
async function doStep(site: Site, id: string, step: Step, index: number): Promise<void> {
  const state = await stateOf(site, id, step, index);
  if (state === "done") return;
  if (state === "foreign") throw foreign(step);
  if (state === "fresh" && step.old) await displace(site, id, step, index);
  if (step.want) await place(site, id, step, step.want.clone);
}

/** Makes the step undone: the old file where it was, ours away. Files of others stay where they are. */
export async function undoStep(
  site: Site,
  id: string,
  step: Step,
  index: number,
  madeDirs: ReadonlySet<string>,
): Promise<void> {
  if (!(await isPlain(site, step))) return;
  const { fs } = site;
  const live = livePath(site, step);
  const kept = displacedPath(site, id, step, index);
  const old = await ifThere(fs.lstat(kept));
  const hasKept = old !== undefined;
  const there = await ifThere(fs.lstat(live));
  // Stopped between the two halves of giving a file back: it has both names.
  if (there && old?.kind === "file" && there.ino === old.ino) return fs.unlink(kept);
  if (there && !isOurs(step, there)) return;
  if (there && !(hasKept && step.old?.kind === "file")) await fs.unlink(live);
  if (!hasKept) return void (await removeEmptyAbove(site, step.location, madeDirs));
  await makeDirs(fs, dirname(live));
  // Over our own clone this replaces at once, so that the path is never without a file.
  if (there && step.old?.kind === "file") await fs.rename(kept, live);
  else await moveWithoutReplacing(site, kept, live, step);
}

/** Makes everything durable that the steps changed. */
export async function syncSteps(site: Site, id: string, steps: readonly Step[]): Promise<void> {
  const folders = new Set<string>();
  for (const [index, step] of steps.entries()) {
    folders.add(dirname(livePath(site, step)));
    if (step.old) folders.add(dirname(displacedPath(site, id, step, index)));
  }
  for (const folder of [...folders, generationDir(site, id), site.displacedDir, site.root])
    await syncAboveIfGone(site, folder);
}

/** Whether the folders on the way are still folders: a link among them now would lead to another's files. */
async function isPlain({ fs, root }: Site, { location }: Step): Promise<boolean> {
  try {
    return (await resolveInside(fs, root, location, { last: "keep" })) === location;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

const isOurs = (step: Step, live: FsStat): boolean =>
  step.want !== null && live.kind === "file" && placedStampOf(live) === step.want.stamp;

const isSame = (old: NonNullable<Step["old"]>, live: FsStat): boolean =>
  live.kind === old.kind &&
  (old.kind === "dir" ? `${live.ino}` === old.stamp.split(":")[0] : placedStampOf(live) === old.stamp);

async function displace(site: Site, id: string, step: Step, index: number): Promise<void> {
  const kept = displacedPath(site, id, step, index);
  try {
    await site.fs.rename(livePath(site, step), kept);
  } catch (error) {
    if (isMissing(error)) throw foreign(step);
    throw error;
  }
  if (step.old && isSame(step.old, await site.fs.lstat(kept))) return;
  await moveWithoutReplacing(site, kept, livePath(site, step), step);
  throw foreign(step);
}

async function place(site: Site, id: string, step: Step, clone: string): Promise<void> {
  const live = livePath(site, step);
  const folder = dirname(live);
  if ((await ifThere(site.fs.lstat(folder))) === undefined) await makeDirs(site.fs, folder);
  await linkOrRename(site, clonePath(site, id, clone), live, step);
}

async function moveWithoutReplacing(site: Site, from: string, to: string, step: Step): Promise<void> {
  // A link to a symbolic link means different things on different systems.
  if ((await site.fs.lstat(from)).kind !== "file") {
    if (await ifThere(site.fs.lstat(to))) throw foreign(step);
    return site.fs.rename(from, to);
  }
  await linkOrRename(site, from, to, step);
  // The new name must be safe before the old one goes: two folders need not reach the disk in order.
  await site.fs.syncDir(dirname(to));
  await ifThere(site.fs.unlink(from));
}

/** Some file systems have no hard links: there a look comes before the rename, with a gap of microseconds. */
async function linkOrRename({ fs }: Site, from: string, to: string, step: Step): Promise<void> {
  try {
    await fs.link(from, to);
  } catch (error) {
    const errno = errnoOf(error) ?? "";
    if (errno === "EEXIST") throw foreign(step);
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL"].includes(errno)) throw error;
    if (await ifThere(fs.lstat(to))) throw foreign(step);
    await fs.rename(from, to);
  }
}

/** A version folder without files would still be a version to a server. Only folders in `among`, where it is given. */
async function removeEmptyAbove(site: Site, location: string, among?: ReadonlySet<string>): Promise<void> {
  for (let path = dirname(location); path !== "."; path = dirname(path)) {
    if (among && !among.has(path)) return;
    if (!(await removeIfEmpty(site.fs, join(site.root, path)))) return;
    await site.fs.syncDir(join(site.root, dirname(path)));
  }
}

async function syncAboveIfGone({ fs }: Site, folder: string): Promise<void> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      return await fs.syncDir(path);
    } catch (error) {
      if (!isMissing(error) || dirname(path) === path) throw error;
    }
  }
}

const foreign = ({ location }: Step): Fault =>
  new Fault("tree-changed", `another wrote ${location} during the restore: its file was left alone`);
