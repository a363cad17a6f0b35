import { dirname } from "node:path";
import { Fault } from "@locum/contracts";
import { nextGeneration, pruneGenerations } from "./displaced.ts";
import { makeDirs } from "./durable.ts";
import { judgeLive, refuseChange } from "./judge-live.ts";
import { claimClones, makeClones } from "./make-clones.ts";
import { planRestore } from "./plan-restore.ts";
import type { RestoreJob, RestoreResult } from "./restore.ts";
import { closeJournal, type Journal, readJournal, writeJournal } from "./restore-journal.ts";
import { displacedPath, generationDir, restoreSite, type Site } from "./restore-site.ts";
import { type LiveTree, scanLive } from "./scan-tree.ts";
import { swapSteps } from "./swap-steps.ts";
import { refuseFullDisk } from "./twin.ts";
import { discardRestore, removeClones, undoSteps } from "./undo-steps.ts";

/** File by file, by renames under a journal: the server's paths and links stay as they are. */
export async function restoreByRename(job: RestoreJob): Promise<RestoreResult> {
  const site = await restoreSite(job);
  if (await readJournal(site.fs, site.journalDir))
    throw new Fault("conflict", `an earlier restore of ${job.dir} was interrupted and is not recovered yet`);
  const judged = await judgeLive(job);
  if (judged.tree.digest === job.target.digest)
    return { method: "rename", live: judged, restored: [], removed: [], displaced: null };
  await makeDirs(site.fs, site.root);
  const journal = await cloneAll(job, site, judged);
  const live = await swapAll(job, site, journal, judged);
  await pruneGenerations(site, job.keepDisplaced);
  return {
    method: "rename",
    live,
    restored: journal.steps.flatMap(({ want }) => want?.path ?? []),
    removed: journal.steps.filter(({ want }) => !want).map(({ location }) => location),
    displaced: journal.steps.some(({ old }) => old) ? generationDir(site, journal.id) : null,
  };
}

/** All that takes long. Until the journal says `swapping`, giving up means only to discard the clones. */
async function cloneAll(job: RestoreJob, site: Site, judged: LiveTree): Promise<Journal> {
  const { fs, journalDir } = site;
  const plan = await planRestore(site, judged.tree, job.target);
  await refuseFullDisk(fs, site.root, plan);
  await makeDirs(fs, site.displacedDir, 0o700);
  await refuseOtherDevice(site);
  const id = await nextGeneration(site);
  await claimClones(site, id);
  job.onPhase?.("clone");
  const { expected, target, source, pace, signal } = job;
  const cloning: Journal = {
    version: 1,
    phase: "cloning",
    id,
    judged: expected,
    target,
    steps: plan.steps,
    madeDirs: plan.madeDirs,
  };
  try {
    await writeJournal(fs, journalDir, cloning);
    const steps = await makeClones(site, id, { plan, source, pace, signal });
    for (const [index, step] of steps.entries())
      if (step.old) await makeDirs(fs, dirname(displacedPath(site, id, step, index)), 0o700);
    await refuseChange(job, judged);
    const swapping: Journal = { ...cloning, phase: "swapping", steps };
    await writeJournal(fs, journalDir, swapping);
    return swapping;
  } catch (error) {
    await discardRestore(site, id).catch(() => {});
    throw error;
  }
}

async function swapAll(job: RestoreJob, site: Site, journal: Journal, judged: LiveTree): Promise<LiveTree> {
  try {
    job.onPhase?.("swap");
    await swapSteps(site, journal);
    job.onPhase?.("verify");
    const { dir, ignore, fs } = job;
    const live = await scanLive({ dir, ignore, fs, known: judged });
    if (live.tree.digest !== journal.target.digest)
      throw new Fault("tree-changed", `${dir} was written during the restore: it is ${live.tree.digest}`);
    await removeClones(site, journal.id);
    await closeJournal(fs, site.journalDir);
    return live;
  } catch (error) {
    // Where even this fails the journal stays open, and recoverRestore does it.
    await undoSteps(site, journal)
      .then(() => discardRestore(site, journal.id))
      .catch(() => {});
    throw error;
  }
}

async function refuseOtherDevice({ fs, root, displacedDir }: Site): Promise<void> {
  if ((await fs.lstat(root)).dev !== (await fs.lstat(displacedDir)).dev)
    throw new Fault(
      "refused",
      `${displacedDir} is on another device than ${root}: displaced files could not be kept`,
    );
}
