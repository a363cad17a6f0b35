import { Fault, type TreeFile } from "@locum/contracts";
import type { Fs } from "./fs.ts";
import { fsFault, ifThere } from "./fs-fault.ts";
import { hashFile } from "./hash-file.ts";
import type { Ignore } from "./ignore.ts";
import type { Pace } from "./pace.ts";
import type { LiveTree } from "./scan-tree.ts";
import type { Stamp } from "./stamp.ts";
import { treeOf } from "./tree-digest.ts";
import { type Walk, walkTree } from "./walk-tree.ts";

/** `written`: files whose stamp moved or that came or went. `unsettled`: of those, the ones that change while read. */
export type Rehash = { live: LiveTree; written: string[]; unsettled: string[] } | { fault: Fault };

/**
 * One look at a tree that is known: only files with another stamp, and the forced ones, are read. A file that is
 * being written keeps its last known content in the answer and is named unsettled; it is read again next time.
 */
export async function rehash({
  dir,
  fs,
  ignore,
  live,
  forced,
  pace,
  signal,
  onDirs,
}: {
  dir: string;
  fs: Fs;
  ignore: Ignore | undefined;
  live: LiveTree;
  forced: ReadonlySet<string>;
  pace: Pace;
  signal: AbortSignal;
  /** Told before the files are read, so that what happens meanwhile is noticed. */
  onDirs: (dirs: readonly string[]) => void;
}): Promise<Rehash> {
  try {
    const walk = await walkTree({ dir, fs, ignore });
    onDirs(walk.dirs);
    return await look(walk);
  } catch (error) {
    const fault = fsFault(error, `reading ${dir}`);
    if (signal.aborted) return { fault: new Fault("storage-failed", "closed while reading") };
    if (fault instanceof Fault) return { fault };
    throw error;
  }

  async function look(walk: Walk): Promise<Rehash> {
    const knownFiles = new Map(live.tree.files.map((file) => [file.path, file]));
    const files: TreeFile[] = [];
    const stamps = new Map<string, Stamp>();
    const written: string[] = [];
    const unsettled: string[] = [];
    for (const { path, real, stamp } of walk.files) {
      const known = knownFiles.get(path);
      const before = live.stamps.get(path);
      const moved = before !== stamp;
      // No stamp of a known file: it was never looked at, which is no write.
      if (moved && (before || !known)) written.push(path);
      if (known && !moved && !isForced(real, path)) {
        files.push(known);
        stamps.set(path, stamp);
        continue;
      }
      const hash = await ifThere(hashFile(fs, real, { stamp, pace, signal }));
      if (hash) {
        files.push({ path, ...hash });
        stamps.set(path, stamp);
      } else {
        unsettled.push(path);
        if (!written.includes(path)) written.push(path);
        if (known) files.push(known);
      }
    }
    const paths = new Set(walk.files.map(({ path }) => path));
    written.push(...[...knownFiles.keys()].filter((path) => !paths.has(path)));
    return { live: { tree: treeOf(files), stamps }, written, unsettled };
  }

  // Events name the place of a file, the scrub names its path in the tree.
  function isForced(real: string, path: string): boolean {
    return forced.has(real) || forced.has(path);
  }
}
