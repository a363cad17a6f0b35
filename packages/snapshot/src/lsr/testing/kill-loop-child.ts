// A process of its own, to be killed: commits, forgets, prunes, scrubs and restores in a loop, from the first argument's
// JSON and the first line of its input on, and says each before and after it.

import { once } from "node:events";
import { writeSync } from "node:fs";
import { seededRandom } from "../../testing/random.ts";
import { collectGarbage } from "../repository/collect-garbage.ts";
import { forget } from "../repository/forget.ts";
import { listSnapshots } from "../repository/list-snapshots.ts";
import { type LoadedIndex, loadIndex } from "../repository/load-index.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { openRepository } from "../repository/repository.ts";
import { scrubRepository } from "../repository/scrub-repository.ts";
import { planRestore } from "../restore/plan-restore.ts";
import { repositorySource } from "../restore/repository-source.ts";
import { restoreSnapshot } from "../restore/restore-snapshot.ts";
import { killDeps, type Said } from "./kill-rig.ts";
import { commitOf, weightsOf } from "./repository-rig.ts";
import { opener, sealing } from "./rig.ts";

const { root, to, baseMs, seed, known } = JSON.parse(process.argv[2] ?? "{}") as {
  root: string;
  to: string;
  baseMs: number;
  seed: number;
  /** Weights of snapshots that others committed. */
  known: [id: string, weights: number][];
};
const random = seededRandom(seed);
const weightsIn = new Map(known);
const [variants, keptMax] = [6, 4];

const say = (said: Said) => void writeSync(1, `${JSON.stringify(said)}\n`);
for (let weights = 0; weights < variants; weights++) weightsOf(weights);
say({ kind: "ready" });
await once(process.stdin, "data");

const repository = await openRepository(killDeps(root, baseMs));
let loaded: LoadedIndex | undefined;
for (;;) {
  const choice = random();
  if (choice < 0.45) await commit();
  else if (choice < 0.6) await forgetOldest();
  else if (choice < 0.8) await prune();
  else if (choice < 0.85) await scrub();
  else await restore();
}

async function commit(): Promise<void> {
  const weights = Math.floor(random() * variants);
  say({ kind: "try", work: "commit", weights });
  const committed = await commitOf(repository, weightsOf(weights), { ...(loaded && { loaded }) });
  loaded = committed.loaded;
  say({ kind: "committed", id: committed.id, weights });
  weightsIn.set(committed.id, weights);
}

async function forgetOldest(): Promise<void> {
  const { snapshots } = await listSnapshots(repository);
  for (const { id } of snapshots.slice(0, -keptMax)) {
    say({ kind: "try", work: "forget", id });
    await forget(repository, [id]);
    say({ kind: "done", work: "forget", deleted: 1 });
  }
}

async function prune(): Promise<void> {
  say({ kind: "try", work: "prune" });
  const { recipients } = sealing;
  const { deleted } = await collectGarbage(repository, { opener, holder: "loop", recipients });
  say({ kind: "done", work: "prune", deleted: deleted.length });
}

async function scrub(): Promise<void> {
  say({ kind: "try", work: "scrub" });
  await scrubRepository(repository, { holder: "loop", of: 2 });
  say({ kind: "done", work: "scrub", deleted: 0 });
}

async function restore(): Promise<void> {
  const id = (await listSnapshots(repository)).snapshots.at(-1)?.id;
  const weights = weightsIn.get(id ?? "");
  if (!id || weights === undefined) return;
  say({ kind: "try", work: "restore", id, weights });
  const index = await loadIndex(repository, { for: "reader", repair: false });
  const manifest = await readSnapshot(repository, id, { opener });
  const sources = [repositorySource({ repository, loaded: index, opener })];
  await restoreSnapshot(await planRestore({ repository, manifest, to, sources }));
  say({ kind: "done", work: "restore", deleted: 0 });
}
