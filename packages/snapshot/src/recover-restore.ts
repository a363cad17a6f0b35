import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { removeIfEmpty, removeTree } from "./durable.ts";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere, withFsFaults } from "./fs-fault.ts";
import type { Ignore } from "./ignore.ts";
import { resolveInside } from "./resolve-inside.ts";
import { closeJournal, type Journal, quarantineJournal, readJournal } from "./restore-journal.ts";
import { clonePath, clonesHome, restoreSite, type Site } from "./restore-site.ts";
import { type LiveTree, scanLive } from "./scan-tree.ts";
import { placedStampOf } from "./stamp.ts";
import { stateOf, swapSteps } from "./swap-steps.ts";
import { discardRestore, removeClones, undoSteps } from "./undo-steps.ts";

/**
 * `completed`: the live tree is the target. `rolled-back`: it is as it was judged, or as another has written it
 * since. `quarantined`: the journal could not be read, and was set aside; nothing was removed.
 */
export type Recovery = { outcome: "none" | "completed" | "rolled-back" | "quarantined"; target?: string };

/**
 * Ends a restore that a crash interrupted. To be called at every start, before the tree is read; it may itself be
 * interrupted and called again. It goes forward where all bytes are at hand and nobody else has written since, else
 * back.
 */
export async function recoverRestore({
  dir,
  journalDir,
  displacedDir,
  ignore,
  fs = nodeFs,
}: {
  dir: string;
  journalDir?: string | undefined;
  displacedDir?: string | undefined;
  ignore?: Ignore | undefined;
  fs?: Fs;
}): Promise<Recovery> {
  return withFsFaults(`recovering ${dir}`, async () => {
    const site = await restoreSite({ dir, journalDir, displacedDir, fs });
    const journal = await readJournal(fs, site.journalDir);
    if (journal === "unreadable") {
      await quarantineJournal(fs, site.journalDir);
      return { outcome: "quarantined" };
    }
    if (!journal) {
      await removeStrayClones(site);
      return { outcome: "none" };
    }
    const target = journal.target.digest;
    if (journal.phase === "swapping" && (await goForward(site, journal, { dir, ignore })))
      return { outcome: "completed", target };
    if (journal.phase === "swapping") await undoSteps(site, journal);
    await discardRestore(site, journal.id);
    return { outcome: "rolled-back", target };
  });
}

async function goForward(
  site: Site,
  journal: Journal,
  { dir, ignore }: { dir: string; ignore: Ignore | undefined },
): Promise<boolean> {
  if (!(await isForwardPossible(site, journal))) return false;
  const before = await scanLive({ dir, ignore, fs: site.fs });
  if (!(await isRestUntouched(site, journal, before))) return false;
  try {
    await swapSteps(site, journal);
  } catch (error) {
    // Another began to write just now: then back, as if it had been there before.
    if (error instanceof Fault && error.code === "tree-changed") return false;
    throw error;
  }
  const after = await scanLive({ dir, ignore, fs: site.fs, known: before });
  if (after.tree.digest !== journal.target.digest) return false;
  await removeClones(site, journal.id);
  await closeJournal(site.fs, site.journalDir);
  return true;
}

async function isForwardPossible(site: Site, { id, steps }: Journal): Promise<boolean> {
  let begun = false;
  for (const [index, step] of steps.entries()) {
    const state = await stateOf(site, id, step, index);
    if (state === "foreign") return false;
    if (state !== "fresh") begun = true;
    if (state === "done" || !step.want) continue;
    const clone = await ifThere(site.fs.lstat(clonePath(site, id, step.want.clone)));
    if (!clone || placedStampOf(clone) !== step.want.stamp) return false;
  }
  return begun;
}

/** Whether every file that the restore did not mean to touch is as the target has it. */
async function isRestUntouched(site: Site, { steps, target }: Journal, { tree }: LiveTree): Promise<boolean> {
  const ours = new Set(steps.map(({ location }) => location));
  const live = new Map(tree.files.map(({ path, digest }) => [path, digest]));
  const meant = new Map(target.files.map(({ path, digest }) => [path, digest]));
  for (const path of new Set([...live.keys(), ...meant.keys()])) {
    if (live.get(path) === meant.get(path)) continue;
    const places = [
      await resolveInside(site.fs, site.root, path),
      await resolveInside(site.fs, site.root, path, { last: "keep" }),
    ];
    if (!places.some((place) => ours.has(place))) return false;
  }
  return true;
}

async function removeStrayClones(site: Site): Promise<void> {
  const home = clonesHome(site);
  const names = await ifThere(site.fs.readdir(home));
  if (!names) return;
  for (const name of names) if (/^clones-\d{6}$/.test(name)) await removeTree(site.fs, join(home, name));
  await removeIfEmpty(site.fs, home);
}
