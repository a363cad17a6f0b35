import { mkdir, open, rm, statfs, symlink, truncate, writeFile } from "node:fs/promises";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { type RestorePhase, restoreTree, scanLive, stageTwin, type Twin } from "@locum/snapshot";
import { quantile } from "../quantile.ts";

export type SwapFigures = {
  method: string;
  megabytes: number;
  /** From the first name that changes to the last one that does. */
  swapMs: number;
  /** The same of the fastest round: what the steps take where nobody else has the core. */
  fastestSwapMs: number;
  /** Before it: copies from the twin, verified and durable. */
  cloneMs: number;
  /** After it: what was put there is read once more. */
  verifyMs: number;
};
export type SwapSkipped = { megabytes: number; skipped: string };

const shards = 10;
const methods = ["rename", "versions-link"] as const;

/**
 * A twin put in the place of a model all of whose files are wrong. Every size has as many files; they are mostly zeros,
 * since what they hold changes no step. Medians of the rounds, after a small one that warms the code up.
 */
export async function measureSwaps(
  sizes: readonly { megabytes: number; rounds: number }[],
  { root }: { root: string },
): Promise<(SwapFigures | SwapSkipped)[]> {
  const found: (SwapFigures | SwapSkipped)[] = [];
  for (const method of methods) await measureSize({ home: root, method, megabytes: 1, rounds: 3 });
  for (const { megabytes, rounds } of sizes) {
    const home = await roomFor(root, megabytes);
    if (home === undefined)
      found.push({ megabytes, skipped: `neither memory nor disk has three times ${megabytes} MB to spare` });
    else for (const method of methods) found.push(await measureSize({ home, method, megabytes, rounds }));
  }
  return found;
}

/** Live files, twin and clones lie there at once. */
async function roomFor(root: string, megabytes: number): Promise<string | undefined> {
  const needed = 3 * megabytes * 1e6;
  if (freemem() > needed + 3e9) return root;
  const { bavail, bsize } = await statfs(tmpdir());
  return bavail * bsize > needed ? tmpdir() : undefined;
}

async function measureSize({
  home,
  method,
  megabytes,
  rounds,
}: {
  home: string;
  method: (typeof methods)[number];
  megabytes: number;
  rounds: number;
}): Promise<SwapFigures> {
  const work = join(home, `locum-bench-swap-${process.pid}`);
  const files = join(work, method === "rename" ? "model" : "versions/first");
  const dir = method === "rename" ? files : join(work, "current");
  await mkdir(files, { recursive: true });
  try {
    if (dir !== files) await symlink("versions/first", dir);
    for (let n = 0; n < shards; n++) await writeShard(join(files, `shard-${n}`), (megabytes * 1e6) / shards);
    const { tree } = await scanLive({ dir });
    const twin = await stageTwin({ dir, tree });
    const times: Record<RestorePhase | "end", number>[] = [];
    for (let round = 0; round < rounds; round++) {
      for (let n = 0; n < shards; n++) await flipFirst(join(dir, `shard-${n}`));
      times.push(await swapOnce(dir, twin));
    }
    const median = (from: RestorePhase, to: RestorePhase | "end"): number =>
      quantile(
        times.map((marks) => marks[to] - marks[from]),
        0.5,
      );
    return {
      method,
      megabytes,
      swapMs: median("swap", "verify"),
      fastestSwapMs: Math.min(...times.map((marks) => marks.verify - marks.swap)),
      cloneMs: median("clone", "swap"),
      verifyMs: median("verify", "end"),
    };
  } finally {
    await rm(work, { recursive: true });
  }
}

/** When each phase began. @throws Error where not every file was put back */
async function swapOnce(dir: string, { tree, source }: Twin): Promise<Record<RestorePhase | "end", number>> {
  const marks = { judge: 0, clone: 0, swap: 0, verify: 0, end: 0 };
  const known = await scanLive({ dir });
  const { restored, live, displaced } = await restoreTree({
    dir,
    expected: known.tree.digest,
    target: tree,
    source,
    known,
    keepDisplaced: 1,
    onPhase: (phase) => {
      marks[phase] = performance.now();
    },
  });
  marks.end = performance.now();
  if (restored.length !== shards || live.tree.digest !== tree.digest)
    throw new Error(`${restored.length} of ${shards} files were put back`);
  // Kept for people; a bench would only fill the memory with it.
  if (displaced !== null) await rm(displaced, { recursive: true });
  return marks;
}

async function writeShard(path: string, bytes: number): Promise<void> {
  await writeFile(path, path);
  await truncate(path, Math.round(bytes));
}

async function flipFirst(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 0);
    await file.write(Uint8Array.of((buffer[0] ?? 0) ^ 1), 0, 1, 0);
  } finally {
    await file.close();
  }
}
