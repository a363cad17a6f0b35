import type { Probe, Release, Tree } from "@locum/contracts";
import { type Clock, type Log, schedule } from "@locum/runtime";
import {
  createPace,
  type Finding,
  type IntegrityWatch,
  type LiveTree,
  recoverRestore,
  scanLive,
  systemClock,
  watchTree,
} from "@locum/snapshot";
import { describeTree, judgeTree } from "./judge-tree.ts";
import { createSpareKeeper, type SpareKeeper } from "./spare-keeper.ts";
import { createTwinKeeper, type TwinKeeper } from "./twin-keeper.ts";

type BytesProbe = Extract<Probe, { kind: "bytes" }>;

export type BytesWatch = TwinKeeper & {
  quietMs(): number;
  live(): LiveTree | null;
  /** Looks now, and resolves when what was found is told. */
  check(): Promise<void>;
  /** The set of releases changed: what the files are is judged anew. */
  judgeAgain(): void;
  close(): Promise<void>;
};

export type BytesOptions = {
  dir: string;
  statMs: number;
  scrubBytesPerSecond: number;
  keepsTwin: boolean;
  /** Where copies are kept that outlive the model's volume, by whom, and when they are looked at again (cron). */
  spare: { dir: string; owner: string; schedule: string | undefined } | null;
  releases: () => readonly Release[];
  /** Reads the folders of releases again, now: a deploy may have come with its approval a moment ago. */
  rescan: () => Promise<void>;
  clock: Clock;
  log: Log;
  tell: (probe: BytesProbe) => void;
  /** Copies that can be restored from have changed. */
  onRestorable: () => void;
};

/** What is read at the start and copied beside traffic. */
const readBytesPerSecond = 200e6;

/** The files of one instance: finishes what a crash interrupted, hashes them, keeps a verified copy, and watches them. */
export async function openBytesWatch(options: BytesOptions): Promise<BytesWatch> {
  const { dir, clock, log, releases } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const pace = createPace({ bytesPerSecond: readBytesPerSecond, clock: systemClock, signal });
  const tell = (tree: Tree | null, detail: string): void =>
    options.tell({ kind: "bytes", atMs: clock.monotonicMs(), ...judgeTree(tree, releases()), detail });
  const tellTree = (tree: Tree): void => tell(tree, describeTree(tree, releases()));
  const tellChanged = async (tree: Tree): Promise<void> => {
    if (judgeTree(tree, releases()).state === "unapproved") await options.rescan();
    // What was found since then is told by itself.
    if (watch.live().tree.digest === tree.digest) tellTree(tree);
  };
  let told: Promise<void> = Promise.resolve();
  const onSuspicion = (finding: Finding): void => {
    if (finding.kind === "changed") {
      told = tellChanged(finding.tree);
      return;
    }
    const why =
      finding.kind === "unreadable"
        ? finding.fault.message
        : `still being written: ${finding.paths.slice(0, 4).join(", ")}`;
    log("warn", "the model files cannot be judged", { path: dir, reason: why });
    // What cannot be read belongs to nobody; a tree that is being written has no name yet.
    if (finding.kind === "unreadable") tell(null, why);
  };

  const { outcome } = await recoverRestore({ dir });
  if (outcome !== "none") log("warn", "an interrupted restore was ended", { path: dir, action: outcome });
  const { tree, stamps } = await scanLive({ dir, pace, signal });
  tellTree(tree);
  const watch: IntegrityWatch = watchTree({
    dir,
    tree,
    stamps,
    statIntervalMs: options.statMs,
    scrubBytesPerSecond: options.scrubBytesPerSecond,
    onSuspicion,
  });
  const keeper = createTwinKeeper({
    ...options,
    keeps: options.keepsTwin,
    liveTree: () => watch.live().tree.digest,
    pace,
    signal,
    onChange: options.onRestorable,
  });
  const spare = options.spare && openSpare(options.spare);
  return {
    ...keeper,
    proven(release) {
      keeper.proven(release);
      spare?.proven(release);
    },
    quietMs: watch.quietMs,
    live: watch.live,
    async check() {
      await watch.check();
      await told;
    },
    judgeAgain: () => tellTree(watch.live().tree),
    async close() {
      stop.abort();
      await watch.close();
      await keeper.idle();
      await spare?.idle();
    },
  };

  function openSpare({
    dir: spareDir,
    owner,
    schedule: expression,
  }: NonNullable<BytesOptions["spare"]>): SpareKeeper {
    const liveTree = () => watch.live().tree.digest;
    const keeper = createSpareKeeper({ dir, spareDir, owner, releases, liveTree, pace, signal, clock, log });
    if (expression !== undefined)
      schedule(expression, { clock, onDue: keeper.doubt, signal }).catch((error: unknown) =>
        log("error", "spare copies are not looked at again: their schedule cannot be read", { error }),
      );
    return keeper;
  }
}
