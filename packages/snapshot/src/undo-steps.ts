import { removeEmptyTree, removeIfEmpty, removeTree } from "./durable.ts";
import { closeJournal, type Journal } from "./restore-journal.ts";
import { clonesDir, clonesHome, generationDir, type Site } from "./restore-site.ts";
import { syncSteps, undoStep } from "./swap-steps.ts";

/** Takes back every step that was made, last first, so that the live tree is as it was judged. May be repeated. */
export async function undoSteps(site: Site, journal: Journal): Promise<void> {
  const madeDirs = new Set(journal.madeDirs);
  for (const [index, step] of [...journal.steps.entries()].reverse())
    await undoStep(site, journal.id, step, index, madeDirs);
  await syncSteps(site, journal.id, journal.steps);
}

/**
 * Ends a restore of which nothing is left in the live tree. What was displaced and could not go back, since another
 * has written there, stays where it is kept.
 */
export async function discardRestore(site: Site, id: string): Promise<void> {
  await removeClones(site, id);
  await removeEmptyTree(site.fs, generationDir(site, id));
  await closeJournal(site.fs, site.journalDir);
}

/** The journal goes last, here and after a restore: while it is there, all of this is done again at the next start. */
export async function removeClones(site: Site, id: string): Promise<void> {
  await removeTree(site.fs, clonesDir(site, id));
  if (await removeIfEmpty(site.fs, clonesHome(site))) await site.fs.syncDir(site.root);
}
