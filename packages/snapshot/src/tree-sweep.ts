import type { Fault, Tree } from "@locum/contracts";
import { diffTrees, type TreeDiff } from "./chunk-diff.ts";
import type { Fs } from "./fs.ts";
import type { Ignore } from "./ignore.ts";
import type { Pace } from "./pace.ts";
import { rehash } from "./rehash.ts";
import type { LiveTree } from "./scan-tree.ts";

/**
 * `changed`: the content is another than at the last finding (`from`); `diff` leads from that to `tree`.
 * `unsettled`: these files have been written for so long that no content can be named. `unreadable`: the directory
 * cannot be read as a tree at all; said once until it can.
 */
export type Finding =
  | { kind: "changed"; from: string; tree: Tree; diff: TreeDiff }
  | { kind: "unsettled"; paths: string[] }
  | { kind: "unreadable"; fault: Fault };

export type TreeSweep = {
  /** Looks at all files once, reads those under suspicion, and tells what was found. One at a time. */
  run(): Promise<void>;
  /** The next sweep reads this file whatever its stamp says. */
  suspect(path: string): void;
  suspects(): string[];
  live(): LiveTree;
  sweeps(): number;
};

/** After this many looks at a file that never stands still, that is said. */
const unsettledSweeps = 10;
/** Events name more than model files; beyond this the stamps must do. */
const forcedMax = 10_000;

export function createSweep({
  dir,
  fs,
  ignore,
  start,
  pace,
  signal,
  onDirs,
  onWritten,
  onFinding,
}: {
  dir: string;
  fs: Fs;
  ignore: Ignore | undefined;
  start: LiveTree;
  pace: Pace;
  signal: AbortSignal;
  onDirs: (dirs: readonly string[]) => void;
  onWritten: () => void;
  onFinding: (finding: Finding) => void;
}): TreeSweep {
  let live = start;
  let told = start.tree;
  let unsettled = new Map<string, number>();
  let unreadable = false;
  let sweeps = 0;
  const forced = new Set<string>();

  async function run(): Promise<void> {
    const now = new Set(forced);
    forced.clear();
    const seen = await rehash({ dir, fs, ignore, live, forced: now, pace, signal, onDirs });
    if (signal.aborted) return;
    sweeps++;
    if ("fault" in seen) {
      if (!unreadable) onFinding({ kind: "unreadable", fault: seen.fault });
      unreadable = true;
      return;
    }
    unreadable = false;
    if (seen.written.length > 0) onWritten();
    live = seen.live;
    tellUnsettled(seen.unsettled);
    if (seen.unsettled.length > 0 || live.tree.digest === told.digest) return;
    const from = told;
    told = live.tree;
    onFinding({ kind: "changed", from: from.digest, tree: told, diff: diffTrees(from, told) });
  }

  function tellUnsettled(paths: string[]): void {
    unsettled = new Map(paths.map((path) => [path, (unsettled.get(path) ?? 0) + 1]));
    const long = paths.filter((path) => unsettled.get(path) === unsettledSweeps);
    if (long.length > 0) onFinding({ kind: "unsettled", paths: long });
  }

  return {
    run,
    suspect: (path) => {
      if (forced.size < forcedMax) forced.add(path);
    },
    suspects: () => [...forced, ...unsettled.keys()],
    live: () => live,
    sweeps: () => sweeps,
  };
}
