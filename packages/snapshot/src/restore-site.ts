import { join, resolve } from "node:path";
import { type Fs, nodeFs } from "./fs.ts";
import { ifThere } from "./fs-fault.ts";
import type { Step } from "./restore-journal.ts";
import { snapshotPlaces } from "./snapshot-places.ts";

/** The folders of one restore. `root` is the model directory itself, free of links. */
export type Site = { fs: Fs; root: string; journalDir: string; displacedDir: string };

export async function restoreSite({
  dir,
  journalDir,
  displacedDir,
  fs = nodeFs,
}: {
  dir: string;
  journalDir?: string | undefined;
  displacedDir?: string | undefined;
  fs?: Fs;
}): Promise<Site> {
  const places = await snapshotPlaces({ dir, fs });
  return {
    fs,
    root: (await ifThere(fs.realpath(dir))) ?? resolve(dir),
    journalDir: journalDir ?? places.journalDir,
    displacedDir: displacedDir ?? places.displacedDir,
  };
}

/** Clones lie inside the model directory: the one place that is surely on its file system. */
export const clonesHome = ({ root }: Site): string => join(root, ".locum");
export const clonesDir = (site: Site, id: string): string => join(clonesHome(site), `clones-${id}`);
export const clonePath = (site: Site, id: string, clone: string): string => join(clonesDir(site, id), clone);

export const livePath = ({ root }: Site, { location }: Step): string => join(root, location);

/** What a restore displaces keeps its path below `<generation>/files`; whole folders stand apart, by number. */
export const generationDir = ({ displacedDir }: Site, id: string): string => join(displacedDir, id);
export const displacedPath = (site: Site, id: string, step: Step, index: number): string =>
  step.old?.kind === "dir"
    ? join(generationDir(site, id), "folders", String(index))
    : join(generationDir(site, id), "files", step.location);
