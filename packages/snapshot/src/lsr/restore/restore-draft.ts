import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { makeDirs, readSmall, removeTree, writeDurable } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";
import type { ManifestBody } from "../manifest/manifest-body.ts";
import type { RestoreSite } from "./restore-site.ts";

/** An unfinished restore: a folder of our own, its journal, and the tree that it grows. */
export type RestoreDraft = { folder: string; tree: string; isResumed: boolean };

const journal = z.object({ format: z.literal("locum-restore/1"), snapshot: z.string(), tree: z.string() });
const journalBytesMax = 4096;

/**
 * The draft to go on with, or a new one. A draft that is found is taken over by giving it another name: a process that
 * still writes to it finds its folder gone and ends, and no lock outlives a process that was killed. The journal says
 * only whose the bytes are; which of them are good is asked of the bytes.
 */
export async function openDraft(
  fs: Fs,
  site: RestoreSite,
  { id, treeDigest, random }: { id: string; treeDigest: string; random: (length: number) => Uint8Array },
): Promise<RestoreDraft> {
  await makeDirs(fs, site.draftFolder);
  const folder = join(site.draftFolder, `${site.draftPrefix}${Buffer.from(random(8)).toString("hex")}`);
  const tree = join(folder, "tree");
  const found = await findDraft(fs, site, { id, treeDigest });
  for (const path of found.useless) await removeTree(fs, path);
  if (found.usable) {
    await fs.rename(found.usable, folder);
    await fs.syncDir(site.draftFolder);
    return { folder, tree, isResumed: true };
  }
  await fs.mkdir(folder, 0o700);
  await fs.mkdir(tree, 0o755);
  await writeDurable(
    fs,
    join(folder, "journal.json"),
    JSON.stringify({ format: "locum-restore/1", snapshot: id, tree: treeDigest }),
  );
  await fs.syncDir(site.draftFolder);
  return { folder, tree, isResumed: false };
}

/** Drafts for this target: one to go on with, and those that are of other bytes or not begun. */
export async function findDraft(
  fs: Fs,
  { draftFolder, draftPrefix }: RestoreSite,
  { id, treeDigest }: { id: string; treeDigest: string },
): Promise<{ usable?: string; useless: string[] }> {
  const useless: string[] = [];
  let usable: string | undefined;
  for (const name of (await ifThere(fs.readdir(draftFolder))) ?? []) {
    if (!name.startsWith(draftPrefix) || !/^[0-9a-f]{16}$/.test(name.slice(draftPrefix.length))) continue;
    const path = join(draftFolder, name);
    const said = await readJournal(fs, path);
    const isOurs = said?.snapshot === id && said.tree === treeDigest;
    const hasTree = (await ifThere(fs.lstat(join(path, "tree"))))?.kind === "dir";
    if (isOurs && hasTree && usable === undefined) usable = path;
    else useless.push(path);
  }
  return { ...(usable !== undefined && { usable }), useless };
}

/** What tells a tree from every other, of the same snapshot too: a restore of some files is another one. */
export function digestOfEntries(entries: ManifestBody["files"]): string {
  const hash = createHash("sha256");
  for (const entry of entries) hash.update(`${JSON.stringify(entry)}\n`);
  return hash.digest("hex");
}

async function readJournal(fs: Fs, folder: string): Promise<z.infer<typeof journal> | undefined> {
  const path = join(folder, "journal.json");
  // Anything but a small file is none of ours.
  if ((await ifThere(fs.lstat(path)))?.kind !== "file") return undefined;
  try {
    return journal.safeParse(JSON.parse((await readSmall(fs, path, journalBytesMax)) ?? "null")).data;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}
