import { deepEqual, match, ok } from "node:assert/strict";
import { Crash, type FaultKind, faultyFs } from "../../testing/faulty-fs.ts";
import type { MemoryFs } from "../../testing/memory-fs.ts";
import { seededRandom } from "../../testing/random.ts";
import { checkRepository } from "../repository/check-repository.ts";
import { listSnapshots } from "../repository/list-snapshots.ts";
import { openRepository, type Repository } from "../repository/repository.ts";
import { readBack, repositoryDeps } from "./repository-rig.ts";
import type { Timed } from "./timed-store.ts";

export const crashKinds: FaultKind[] = ["crash-before", "crash-after", "torn", "ENOSPC", "EIO"];

/** What a fault leaves of the disk; each call meets each of them under one kind of fault or another. */
const ends = ["killed", "power lost", "power lost, and all that was not durable"] as const;

export type World = { disk: MemoryFs; time: Timed };

/** What a snapshot's files must be, by its id. */
export type Expected = Map<string, Map<string, string>>;

type Look<T> = (repository: Repository, result: T | undefined, when: string, time: Timed) => Promise<void>;

/**
 * Runs the work once for each `every`th of its calls to the file system with the fault there, and looks at what came of
 * it. Says how many stops it made.
 */
export async function atEveryCall<T>(
  { kind, every = 1, first = 0 }: { kind: FaultKind; every?: number; first?: number },
  world: World,
  work: (repository: Repository) => Promise<T>,
  look: Look<T>,
): Promise<number> {
  world.disk.settle();
  for (let stops = 0; ; stops++) {
    const at = first + stops * every;
    // Nothing is undurable there, so what a crash leaves is all of it: a copy.
    const disk = world.disk.crash(() => 0);
    const time: Timed = { nowMs: world.time.nowMs, times: new Map(world.time.times) };
    const faulty = faultyFs(disk.fs, { at, kind });
    const result = await openRepository(repositoryDeps(faulty.fs, time))
      .then(work)
      .catch((error: { code?: string }) => {
        if (!(error instanceof Crash)) match(error.code ?? String(error), /^(disk-full|storage-failed)$/);
        return undefined;
      });
    if (at >= faulty.calls()) {
      console.log(`${kind}: ${stops} stops of ${faulty.calls()} calls`);
      return stops;
    }
    const end = ends[(at + crashKinds.indexOf(kind)) % ends.length] ?? "killed";
    const after = leftOf(disk, end, at);
    // Whoever held the lease is dead: the next one waits until it has run out.
    time.nowMs += 60_000;
    const repository = await openRepository(repositoryDeps(after.fs, time));
    await look(repository, result, `${kind} at call ${at}, ${end}`, time);
  }
}

function leftOf(disk: MemoryFs, end: (typeof ends)[number], seed: number): MemoryFs {
  if (end === "killed") return disk;
  return disk.crash(end === "power lost" ? seededRandom(seed) : () => 1);
}

/** Everything that was committed is listed and reads back, and nothing is damaged. */
export async function expectWhole(
  repository: Repository,
  expected: Expected,
  when: string,
): Promise<string[]> {
  const { snapshots, damaged } = await listSnapshots(repository);
  const ids = snapshots.map(({ id }) => id);
  deepEqual(damaged, [], when);
  for (const [id, files] of expected) {
    ok(ids.includes(id), `${when}: ${id} is not listed`);
    deepEqual(await readBack(repository, id), files, when);
  }
  deepEqual((await checkRepository(repository)).damage, [], when);
  return ids;
}
