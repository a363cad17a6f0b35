import { type Digest, Fault, type Probe, type Release, type Tree } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import {
  createPace,
  type IntegrityWatch,
  type LiveTree,
  listTwins,
  openTwin,
  recoverRestore,
  restoreMethod,
  scanLive,
  stageTwin,
  systemClock,
  watchTree,
} from "@locum/snapshot";

type BytesProbe = Extract<Probe, { kind: "bytes" }>;

export type BytesWatch = {
  /** Releases whose verified copy is here. */
  restorable(): Digest[];
  quietMs(): number;
  live(): LiveTree | null;
  /** Looks now, and resolves when what was found is told. */
  check(): Promise<void>;
  /** The set of releases changed: what the files are is judged anew. */
  judgeAgain(): void;
  /** The loaded model was proven with the files of this tree: a copy of them is worth keeping. */
  proven(release: Digest): void;
  close(): Promise<void>;
};

export type BytesOptions = {
  dir: string;
  statMs: number;
  scrubBytesPerSecond: number;
  keepsTwin: boolean;
  releases: () => readonly Release[];
  /** Reads the folders of releases again, now: a deploy may have come with its approval a moment ago. */
  rescan: () => Promise<void>;
  clock: { monotonicMs(): number };
  log: Log;
  tell: (probe: BytesProbe) => void;
  /** Copies that can be restored from have changed. */
  onRestorable: () => void;
};

/** What is read at the start and copied beside traffic. */
const readBytesPerSecond = 200e6;
const retryMs = 60_000;

/** The files of one instance: finishes what a crash interrupted, hashes them, keeps a verified copy, and watches them. */
export async function openBytesWatch(options: BytesOptions): Promise<BytesWatch> {
  const { dir, clock, log, releases } = options;
  const stop = new AbortController();
  const pace = createPace({ bytesPerSecond: readBytesPerSecond, clock: systemClock, signal: stop.signal });
  const twins = new Set<Digest>();
  let watch: IntegrityWatch | null = null;
  let staging = false;
  let retryAtMs = Number.NEGATIVE_INFINITY;

  const tellTree = (tree: Tree | null, detail: string): void =>
    options.tell({ kind: "bytes", atMs: clock.monotonicMs(), ...judgeTree(tree, releases()), detail });
  const tellNow = (): void => {
    const tree = watch?.live().tree;
    if (tree) tellTree(tree, describe(tree, releases()));
  };
  const tellChanged = async (tree: Tree): Promise<void> => {
    if (judgeTree(tree, releases()).state === "unapproved") await options.rescan();
    // What was found since then is told by itself.
    if (watch?.live().tree.digest === tree.digest) tellTree(tree, describe(tree, releases()));
  };
  const add = (digest: Digest): void => {
    twins.add(digest);
    options.onRestorable();
  };

  const { outcome } = await recoverRestore({ dir });
  if (outcome !== "none") log("warn", "an interrupted restore was ended", { path: dir, action: outcome });
  const live = await scanLive({ dir, pace, signal: stop.signal });
  tellTree(live.tree, describe(live.tree, releases()));
  watch = watchTree({
    dir,
    tree: live.tree,
    stamps: live.stamps,
    statIntervalMs: options.statMs,
    scrubBytesPerSecond: options.scrubBytesPerSecond,
    onSuspicion(finding) {
      if (finding.kind === "changed") return void tellChanged(finding.tree);
      // What cannot be read belongs to nobody; a tree that is being written has no name yet.
      const why =
        finding.kind === "unreadable"
          ? finding.fault.message
          : `still being written: ${finding.paths.slice(0, 4).join(", ")}`;
      log("warn", "the model files cannot be judged", { path: dir, reason: why });
      if (finding.kind === "unreadable") tellTree(null, why);
    },
  });
  const verified = verifyTwins({ dir, pace, log, add, signal: stop.signal });

  const stage = async (release: Release): Promise<void> => {
    const { tree } = release.body;
    if (!tree || twins.has(tree.digest) || watch?.live().tree.digest !== tree.digest) return;
    await verified;
    if (twins.has(tree.digest)) return;
    const { method, reason } = await restoreMethod({ dir });
    if (method === "none") {
      log("warn", "no copy is kept: nothing could be put back here", { path: dir, reason });
      retryAtMs = Number.POSITIVE_INFINITY;
      return;
    }
    const pinned = releases().flatMap(({ body }) => body.tree?.digest ?? []);
    const twin = await stageTwin({ dir, tree, pinned, pace, signal: stop.signal });
    add(twin.tree.digest);
    log("info", "a verified copy is kept", { digest: tree.digest, release: release.digest });
  };

  return {
    restorable: () =>
      releases()
        .filter(({ body }) => body.tree !== null && twins.has(body.tree.digest))
        .map(({ digest }) => digest),
    quietMs: () => watch?.quietMs() ?? 0,
    live: () => watch?.live() ?? null,
    check: async () => watch?.check(),
    judgeAgain: tellNow,
    proven(digest) {
      const release = releases().find((one) => one.digest === digest);
      if (!options.keepsTwin || !release || staging || clock.monotonicMs() < retryAtMs) return;
      staging = true;
      void stage(release)
        .catch((error: unknown) => {
          retryAtMs = clock.monotonicMs() + retryMs;
          log("warn", "no copy could be made", { path: dir, error });
        })
        .finally(() => {
          staging = false;
        });
    },
    async close() {
      stop.abort();
      await watch?.close();
    },
  };
}

/** Copies from before count only after all their bytes were read: they are what a restore will rely on. */
async function verifyTwins({
  dir,
  pace,
  log,
  add,
  signal,
}: {
  dir: string;
  pace: (bytes: number) => Promise<void>;
  log: Log;
  add: (digest: Digest) => void;
  signal: AbortSignal;
}): Promise<void> {
  for (const digest of await listTwins({ dir }).catch(() => [])) {
    if (signal.aborted) return;
    try {
      await openTwin({ dir, digest, verify: "full", pace });
      add(digest);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      log("warn", "a copy does not verify and is not used", { digest, error });
    }
  }
}

/** What the files are: the newest approved release that owns them, or nobody's. */
export function judgeTree(
  tree: Tree | null,
  releases: readonly Release[],
): Pick<BytesProbe, "state" | "tree" | "release"> {
  const withFiles = releases.filter(({ body }) => body.tree !== null);
  const owner = tree && withFiles.find(({ body }) => body.tree?.digest === tree.digest);
  const state = withFiles.length === 0 ? "unknown" : owner ? "approved" : "unapproved";
  return { state, tree: tree?.digest ?? null, release: owner?.digest ?? null };
}

function describe(tree: Tree, releases: readonly Release[]): string {
  const owner = releases.find(({ body }) => body.tree?.digest === tree.digest);
  if (owner) return `the files of ${owner.digest.slice(0, 19)}`;
  const newest = releases.find(({ body }) => body.tree !== null)?.body.tree;
  if (!newest) return `${tree.files.length} files; no release says what they should be`;
  const meant = new Map(newest.files.map(({ path, digest }) => [path, digest]));
  const there = new Map(tree.files.map(({ path, digest }) => [path, digest]));
  const other = tree.files.filter(({ path, digest }) => meant.has(path) && meant.get(path) !== digest);
  const added = tree.files.filter(({ path }) => !meant.has(path));
  const gone = newest.files.filter(({ path }) => !there.has(path));
  const named = [...other, ...added, ...gone].slice(0, 3).map(({ path }) => path);
  return `the files belong to no approved release: ${other.length} changed, ${added.length} added, ${gone.length} missing (${named.join(", ")})`.slice(
    0,
    500,
  );
}
