import type { Tree } from "@locum/contracts";
import { type Clock, systemClock } from "./clock.ts";
import { type DirWatcher, watchDirs } from "./dir-watch.ts";
import { type Fs, nodeFs } from "./fs.ts";
import type { Ignore } from "./ignore.ts";
import { createPace } from "./pace.ts";
import type { LiveTree } from "./scan-tree.ts";
import { type ScrubStatus, scrubPass } from "./scrub.ts";
import type { Stamp } from "./stamp.ts";
import { createSweep, type Finding } from "./tree-sweep.ts";

export type IntegrityWatch = {
  /** The content as last hashed, with stamps: for `known` of restoreTree. */
  live(): LiveTree;
  /** Since a write to a file of the tree was last noticed, whether it changed the content or not; Infinity if never. */
  quietMs(): number;
  status(): WatchStatus;
  /** Looks now, and resolves when what was found is told. */
  check(): Promise<void>;
  close(): Promise<void>;
};
export type WatchStatus = {
  /** `passAgeMs`: since the last pass that read every byte and found it right; null before the first. */
  scrub: ScrubStatus & { passAgeMs: number | null };
  suspects: string[];
  watchedDirs: number;
  sweeps: number;
};

/** Reads after a suspicion: fast, and still no load that a request would feel. */
const hashBytesPerSecond = 200e6;
/** Events are merged for this long: one write makes many. */
const mergeMs = 50;
/** A sweep may take this part of the time, however many files there are. */
const sweepShare = 0.1;

/**
 * Watches that the files stay the tree that they were. Three ways, each blind where another sees: events of
 * directories (at once, but lost in bursts and silent for mapped writes), a sweep of stat (finds mapped writes, not
 * what a disk does by itself), a rolling scrub (finds all, slowly, as far as the page cache lets it see the disk).
 * A suspicion only makes the files be hashed again: a touch is no finding.
 */
export function watchTree({
  dir,
  tree,
  stamps = new Map(),
  onSuspicion,
  ignore,
  clock = systemClock,
  statIntervalMs = 1000,
  scrubBytesPerSecond = 50e6,
  watcher = watchDirs,
  fs = nodeFs,
}: {
  dir: string;
  tree: Tree;
  /** Of the scan that gave the tree; without them every file is hashed once more at the start. */
  stamps?: ReadonlyMap<string, Stamp>;
  onSuspicion: (finding: Finding) => void;
  ignore?: Ignore | undefined;
  clock?: Clock;
  statIntervalMs?: number;
  scrubBytesPerSecond?: number;
  watcher?: DirWatcher;
  fs?: Fs;
}): IntegrityWatch {
  const stop = new AbortController();
  const { signal } = stop;
  const paced = (bytesPerSecond: number) => createPace({ bytesPerSecond, clock, signal });
  const scrub: ScrubStatus = { passes: 0, coverage: 0 };
  let lastPassMs: number | undefined;
  let lastWriteMs = Number.NEGATIVE_INFINITY;
  let wake = new AbortController();

  const suspect = (path: string | undefined): void => {
    if (path !== undefined) sweep.suspect(path);
    wake.abort();
  };
  const dirs = watcher({ onEvent: suspect });
  const sweep = createSweep({
    dir,
    fs,
    ignore,
    start: { tree, stamps },
    pace: paced(hashBytesPerSecond),
    signal,
    onDirs: dirs.update,
    onWritten: () => {
      lastWriteMs = clock.monotonicMs();
    },
    onFinding: onSuspicion,
  });
  const check = oneAtATime(async () => {
    if (!signal.aborted) await sweep.run();
  });

  async function sweepLoop(): Promise<void> {
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      wake = new AbortController();
      await check();
      const tookMs = clock.monotonicMs() - startMs;
      await clock.sleep(Math.max(mergeMs, tookMs), signal);
      // Something happened while the sweep ran: it may have come too late for it.
      if (wake.signal.aborted) continue;
      await clock.sleep(Math.max(statIntervalMs - mergeMs, tookMs / sweepShare), wake.signal);
    }
  }

  async function scrubLoop(): Promise<void> {
    const pace = paced(scrubBytesPerSecond);
    while (!signal.aborted) {
      const { tree: now } = sweep.live();
      if (await scrubPass({ dir, fs, tree: now, status: scrub, pace, onMismatch: suspect, signal }))
        lastPassMs = clock.monotonicMs();
      // A small tree is not read without end.
      await clock.sleep(statIntervalMs, signal);
    }
  }

  const loops = Promise.all([sweepLoop(), scrubLoop()]);
  return {
    live: sweep.live,
    quietMs: () => clock.monotonicMs() - lastWriteMs,
    status: () => ({
      scrub: { ...scrub, passAgeMs: lastPassMs === undefined ? null : clock.monotonicMs() - lastPassMs },
      suspects: sweep.suspects(),
      watchedDirs: dirs.count(),
      sweeps: sweep.sweeps(),
    }),
    check,
    async close() {
      stop.abort();
      wake.abort();
      dirs.close();
      await loops;
    },
  };
}

/** Calls stand in line, so that a check from outside never races the loop. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let line = Promise.resolve();
  return () => {
    const turn = line.then(work);
    line = turn.catch(() => {});
    return turn;
  };
}
