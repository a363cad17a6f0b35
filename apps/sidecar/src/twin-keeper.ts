import { type Digest, Fault, type Release } from "@locum/contracts";
import type { Log } from "@locum/runtime";
import { listTwins, openTwin, type Pace, restoreMethod, stageTwin } from "@locum/snapshot";

export type TwinKeeper = {
  /** Releases whose verified copy is here. */
  restorable(): Digest[];
  /** The loaded model was proven with the files of this release: a copy of them is worth keeping. */
  proven(release: Digest): void;
  /** A copy turned out not to verify: it is made again when its release is proven again. */
  forget(tree: Digest): void;
  /** Nothing is read or written any more, after the signal was given. */
  idle(): Promise<void>;
};

const retryMs = 60_000;

/** Verified copies beside the live files, made only of what was proven right, and trusted only after a full read. */
export function createTwinKeeper({
  dir,
  keeps,
  releases,
  liveTree,
  pace,
  signal,
  clock,
  log,
  onChange,
}: {
  dir: string;
  /** Of the instances of one volume one makes copies; the others use them. */
  keeps: boolean;
  releases: () => readonly Release[];
  liveTree: () => Digest | null;
  pace: Pace;
  signal: AbortSignal;
  clock: { monotonicMs(): number };
  log: Log;
  onChange: () => void;
}): TwinKeeper {
  const twins = new Set<Digest>();
  let staging: Promise<void> | null = null;
  let retryAtMs = Number.NEGATIVE_INFINITY;
  const add = (tree: Digest): void => {
    twins.add(tree);
    onChange();
  };
  const verified = verifyTwins({ dir, pace, log, add, signal });

  const stage = async (release: Release): Promise<void> => {
    await verified;
    const { tree } = release.body;
    if (!tree || twins.has(tree.digest) || liveTree() !== tree.digest) return;
    const { method, reason } = await restoreMethod({ dir });
    if (method === "none") {
      retryAtMs = Number.POSITIVE_INFINITY;
      return log("warn", "no copy is kept: nothing could be put back here", { path: dir, reason });
    }
    const pinned = releases().flatMap(({ body }) => body.tree?.digest ?? []);
    const twin = await stageTwin({ dir, tree, pinned, pace, signal });
    add(twin.tree.digest);
    log("info", "a verified copy is kept", { digest: tree.digest, release: release.digest });
  };
  return {
    restorable: () =>
      releases()
        .filter(({ body }) => body.tree !== null && twins.has(body.tree.digest))
        .map(({ digest }) => digest),
    proven(digest) {
      const release = releases().find((one) => one.digest === digest);
      if (!release?.body.tree || twins.has(release.body.tree.digest)) return;
      if (!keeps || staging || clock.monotonicMs() < retryAtMs) return;
      staging = stage(release)
        .catch((error: unknown) => {
          retryAtMs = clock.monotonicMs() + retryMs;
          if (!signal.aborted) log("warn", "no copy could be made", { path: dir, error });
        })
        .finally(() => {
          staging = null;
        });
    },
    forget(tree) {
      if (twins.delete(tree)) onChange();
    },
    async idle() {
      await verified;
      await staging;
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
  pace: Pace;
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
