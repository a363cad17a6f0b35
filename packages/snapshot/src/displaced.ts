import { join } from "node:path";
import { removeTree } from "./durable.ts";
import { ifThere } from "./fs-fault.ts";
import type { Site } from "./restore-site.ts";

/** A number that no kept generation has: they sort by age. */
export async function nextGeneration(site: Site): Promise<string> {
  const last = Number((await generations(site)).at(-1) ?? "0");
  return String(last + 1).padStart(6, "0");
}

/** Displaced files are evidence and the last resort after a wrong restore, but not for ever: they fill the disk. */
export async function pruneGenerations(site: Site, keep: number): Promise<void> {
  for (const id of (await generations(site)).slice(0, -keep))
    await removeTree(site.fs, join(site.displacedDir, id));
}

async function generations({ fs, displacedDir }: Site): Promise<string[]> {
  const names = (await ifThere(fs.readdir(displacedDir))) ?? [];
  return names.filter((name) => /^\d{6}$/.test(name)).toSorted();
}
