import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, Fault, type Release, type Tree } from "@locum/contracts";
import { type Clock, type Log, writeFileAtomic } from "@locum/runtime";
import { listTwins, type Pace, stageTwin } from "@locum/snapshot";
import { createClaims } from "./claim.ts";

/** Where the parts of a spare folder are. */
export const sparePlaces = (spareDir: string) => ({
  twinRoot: join(spareDir, "twins"),
  releases: join(spareDir, "releases"),
  claim: join(spareDir, "claim"),
});

export type SpareKeeper = {
  /** The loaded model was proven with the files of this release. */
  proven(release: Digest): void;
  /** What is kept is not believed any longer: the next proof has it hashed, and made anew where it is damaged. */
  doubt(): void;
  /** Nothing is read or written any more, after the signal was given. */
  idle(): Promise<void>;
};

const retryMs = 60_000;

/**
 * Verified copies on a volume that outlives the model's, each with the signed release that says whose they are: what a
 * start without the model's source is filled from. Pods of one service may share the volume; one at a time writes.
 */
export function createSpareKeeper({
  dir,
  spareDir,
  owner,
  releases,
  liveTree,
  pace,
  signal,
  clock,
  log,
}: {
  dir: string;
  spareDir: string;
  /** This instance, among those that share the folder. */
  owner: string;
  releases: () => readonly Release[];
  liveTree: () => Digest | null;
  pace: Pace;
  signal: AbortSignal;
  clock: Clock;
  log: Log;
}): SpareKeeper {
  const places = sparePlaces(spareDir);
  const claims = createClaims({ file: places.claim, owner, clock });
  const kept = new Set<Digest>();
  let working: Promise<void> | null = null;
  let retryAtMs = Number.NEGATIVE_INFINITY;

  const keep = async (release: Release, tree: Tree): Promise<void> => {
    for (const folder of [places.twinRoot, places.releases])
      await mkdir(folder, { recursive: true, mode: 0o700 });
    const claim = await claims.take();
    if (!claim) throw new Fault("conflict", "another pod of this service is at it");
    try {
      await stageTwin({ dir, tree, twinRoot: places.twinRoot, pace, signal });
      await writeFileAtomic(
        join(places.releases, `${tree.digest.slice(7)}.${release.digest.slice(7)}.json`),
        JSON.stringify(release),
      );
      await dropReleases(dir, places);
    } finally {
      await claim.release();
    }
    kept.add(release.digest);
    log("info", "a verified copy is kept for starts without the model's source", {
      path: spareDir,
      digest: tree.digest,
      release: release.digest,
    });
  };
  return {
    proven(digest) {
      const release = releases().find((one) => one.digest === digest);
      const tree = release?.body.tree;
      if (!release || !tree || kept.has(digest) || working || signal.aborted) return;
      if (clock.monotonicMs() < retryAtMs || liveTree() !== tree.digest) return;
      working = keep(release, tree)
        .catch((error: unknown) => {
          retryAtMs = clock.monotonicMs() + retryMs;
          if (!signal.aborted) log("warn", "no spare copy could be made", { path: spareDir, error });
        })
        .finally(() => {
          working = null;
        });
    },
    doubt: () => kept.clear(),
    async idle() {
      await working;
    },
  };
}

/** A release whose copy was pruned could start nothing. */
async function dropReleases(
  dir: string,
  { twinRoot, releases }: ReturnType<typeof sparePlaces>,
): Promise<void> {
  const trees = new Set((await listTwins({ dir, twinRoot })).map((digest) => digest.slice(7)));
  for (const name of await readdir(releases))
    if (name.endsWith(".json") && !trees.has(name.slice(0, name.indexOf("."))))
      await rm(join(releases, name), { force: true });
}
