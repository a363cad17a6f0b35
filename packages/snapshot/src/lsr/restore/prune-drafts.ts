import { join } from "node:path";
import { removeTree } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import type { RestoreSite } from "./restore-site.ts";

/** Nobody goes on with a restore of another snapshot after so long, and what it has written takes space. */
const draftAgeMaxMs = 7 * 24 * 3_600_000;

/** Removes what restores of other snapshots to the same place have left, seven days after they began. */
export async function pruneDrafts(fs: Fs, site: RestoreSite, wallMs: number): Promise<void> {
  for (const name of await fs.readdir(site.draftFolder)) {
    if (!site.isDraft(name)) continue;
    const folder = join(site.draftFolder, name);
    const journal = await ifThere(fs.lstat(join(folder, "journal.json")));
    if (journal && Number(journal.mtimeNs / 1_000_000n) < wallMs - draftAgeMaxMs)
      await removeTree(fs, folder);
  }
}
