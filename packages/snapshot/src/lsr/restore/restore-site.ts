import { basename, dirname, join } from "node:path";
import { Fault } from "@locum/contracts";
import type { Fs } from "../../fs.ts";
import { ifThere } from "../../fs-fault.ts";

/**
 * `versions`: into `to/versions/<snapshot id>`, to be served through the link `to/current`. `folder`: `to` itself, which
 * must be absent or empty.
 */
export type RestoreLayout = "versions" | "folder";

export type RestoreSite = {
  /** Where drafts lie, and the names of those for this target begin so. On the file system of the target. */
  draftFolder: string;
  draftPrefix: string;
  /** Whether a name there is that of a draft for this place, of whatever snapshot. */
  isDraft(name: string): boolean;
  /** Names that the finished version may have; the first that is free is taken. */
  targets: readonly string[];
};

/** A version's name, and its turn where the first was taken by something else: what is served is never written to. */
export const versionName = /^[0-7][0-9A-HJKMNP-TV-Z]{25}(-[2-9])?$/;
/** The snapshot, and what tells two runs apart. */
const draftRest = /^[0-7][0-9A-HJKMNP-TV-Z]{25}-[0-9a-f]{16}$/;
const turns = [2, 3, 4, 5, 6, 7, 8, 9];

export function restoreSite({
  to,
  layout,
  id,
}: {
  to: string;
  layout: RestoreLayout;
  id: string;
}): RestoreSite {
  const anyPrefix = `.locum-restore-${layout === "folder" ? `${basename(to)}-` : ""}`;
  const common = {
    draftPrefix: `${anyPrefix}${id}-`,
    isDraft: (name: string) => name.startsWith(anyPrefix) && draftRest.test(name.slice(anyPrefix.length)),
  };
  if (layout === "folder") return { draftFolder: dirname(to), targets: [to], ...common };
  const folder = join(to, "versions");
  return {
    ...common,
    draftFolder: folder,
    targets: [id, ...turns.map((turn) => `${id}-${turn}`)].map((name) => join(folder, name)),
  };
}

/** The first target that nothing is at; an empty folder counts as nothing. @throws Fault refused: there is none */
export async function freeTarget(fs: Fs, { targets }: RestoreSite): Promise<string> {
  for (const target of targets) {
    const stat = await ifThere(fs.lstat(target));
    if (!stat || (stat.kind === "dir" && (await fs.readdir(target)).length === 0)) return target;
  }
  throw new Fault("refused", `${targets[0]} is not empty, and a restore writes over nothing`, {
    hint: "Name a folder that is empty or not there, or remove what is in it.",
  });
}
