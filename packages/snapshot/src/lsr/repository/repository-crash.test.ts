import { describe, expect, test } from "vitest";
import { faultyFs } from "../../testing/faulty-fs.ts";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { seededRandom } from "../../testing/random.ts";
import { parityPath } from "../parity/parity-path.ts";
import { atEveryCall, crashKinds, type Expected, expectWhole } from "../testing/crash-rig.ts";
import {
  commitOf,
  filesOf,
  hourMs,
  namesOf,
  newRepository,
  readBack,
  repositoryDeps,
  root,
  weightsOf,
} from "../testing/repository-rig.ts";
import { opener, sealing } from "../testing/rig.ts";
import type { Timed } from "../testing/timed-store.ts";
import { checkRepository } from "./check-repository.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { forget } from "./forget.ts";
import { moveRef, readRef } from "./refs.ts";
import { createRepository, type Repository } from "./repository.ts";

const latest = { model: "digits", channel: "latest" };
const collect = (repository: Repository) =>
  collectGarbage(repository, { opener, holder: "operator", recipients: sealing.recipients });

describe.for(crashKinds)("%s at every call", (kind) => {
  test("of createRepository: none or a whole one, and the next try gives one", async () => {
    for (let at = 0; ; at++) {
      const disk = createMemoryFs();
      await disk.fs.mkdir("/srv");
      await disk.fs.mkdir(root);
      disk.settle();
      const time: Timed = { nowMs: 1e12, times: new Map() };
      const faulty = faultyFs(disk.fs, { at, kind });
      const made = await createRepository(repositoryDeps(faulty.fs, time)).catch(() => undefined);
      if (at >= faulty.calls()) break;
      const after = disk.crash(seededRandom(at));
      const again = await createRepository(repositoryDeps(after.fs, time));
      if (made) expect(again.repositoryId).toEqual(made.repositoryId);
    }
  });

  test("of a commit: the older snapshot stays, the newer is absent or whole, and the next one works", async () => {
    const { repository, disk, time } = await newRepository();
    const older = await commitOf(repository, weightsOf(1));
    time.nowMs += 1000;
    const outcomes = new Set<string>();
    await atEveryCall(
      { kind },
      { disk, time },
      (repository) => commitOf(repository, weightsOf(2)),
      async (repository, result, when) => {
        const expected: Expected = new Map([[older.id, filesOf(weightsOf(1))]]);
        if (result) expected.set(result.id, filesOf(weightsOf(2)));
        for (const pack of result?.packs ?? [])
          expect(await repository.store.size(parityPath(pack)), when).toBeGreaterThan(0);
        const ids = await expectWhole(repository, expected, when);
        for (const id of ids.filter((id) => id !== older.id))
          expect(await readBack(repository, id), when).toEqual(filesOf(weightsOf(2)));
        const at = (await readRef(repository, latest))?.snapshot;
        if (result) expect(at, when).toBe(result.id);
        else expect(ids, when).toContain(at);
        outcomes.add(ids.length === 2 ? "whole" : "absent");
        const next = await commitOf(repository, weightsOf(2));
        expect((await readRef(repository, latest))?.snapshot, when).toBe(next.id);
        expect((await checkRepository(repository, { opener })).lost, when).toEqual([]);
      },
    );
    expect(outcomes).toEqual(new Set(["whole", "absent"]));
  });

  test("of a ref's move: it points to the one or the other, and can be moved again", async () => {
    const { repository, disk, time } = await newRepository();
    const older = await commitOf(repository, weightsOf(1));
    time.nowMs += 1000;
    const newer = await commitOf(repository, weightsOf(1));
    const good = { model: "digits", channel: "last-known-good" };
    await moveRef(repository, good, { snapshot: older.id, by: "test", expected: null });
    await atEveryCall(
      { kind },
      { disk, time },
      (repository) => moveRef(repository, good, { snapshot: newer.id, by: "test", expected: older.id }),
      async (repository, result, when) => {
        const found = (await readRef(repository, good))?.snapshot ?? null;
        expect(result ? [newer.id] : [older.id, newer.id], when).toContain(found);
        await moveRef(repository, good, { snapshot: older.id, by: "test", expected: found });
      },
    );
  });

  test("of forget: each manifest is gone or whole, what is kept stays, and it can be finished", async () => {
    const { repository, disk, time } = await newRepository();
    const doomed = await commitOf(repository, weightsOf(1));
    time.nowMs += 1000;
    const kept = await commitOf(repository, weightsOf(2));
    await atEveryCall(
      { kind },
      { disk, time },
      (repository) => forget(repository, [doomed.id]),
      async (repository, _, when) => {
        await expectWhole(repository, new Map([[kept.id, filesOf(weightsOf(2))]]), when);
        await forget(repository, [doomed.id]);
        expect(await namesOf(repository, "snaps/"), when).toEqual([`snaps/${kept.id}.sn`]);
      },
    );
  });

  test("of garbage collection that writes anew: nothing needed goes, and the next runs finish", async () => {
    const { disk, time, kept, garbage } = await withGarbage();
    const expected: Expected = new Map([[kept.id, filesOf(weightsOf(2))]]);
    // Every second call under one kind of fault, the others under the next.
    const sample = { kind, every: 2, first: crashKinds.indexOf(kind) % 2 };
    await atEveryCall(sample, { disk, time }, collect, async (repository, _, when, time) => {
      await expectWhole(repository, expected, when);
      await finish(repository, time, when);
      await expectWhole(repository, expected, when);
      expect(await namesOf(repository, "packs/"), when).not.toContain(garbage);
    });
  });

  test("of garbage collection that deletes: nothing needed goes, and the next runs finish", async () => {
    const { repository, disk, time, kept, garbage } = await withGarbage();
    await collect(repository);
    time.nowMs += 25 * hourMs;
    const expected: Expected = new Map([[kept.id, filesOf(weightsOf(2))]]);
    await atEveryCall({ kind }, { disk, time }, collect, async (repository, _, when, time) => {
      await expectWhole(repository, expected, when);
      await finish(repository, time, when);
      await expectWhole(repository, expected, when);
      expect(await namesOf(repository, "packs/"), when).not.toContain(garbage);
      expect(await namesOf(repository, "garbage/"), when).toEqual([]);
      expect(await namesOf(repository, "tmp/"), when).toEqual([]);
    });
  });
});

/** A snapshot whose small file lies in the pack of one that is forgotten. */
async function withGarbage() {
  const rig = await newRepository();
  const doomed = await commitOf(rig.repository, weightsOf(1));
  rig.time.nowMs += 1000;
  // Its parity is for the collection to make.
  const kept = await commitOf(rig.repository, weightsOf(2), { parity: false });
  await forget(rig.repository, [doomed.id]);
  rig.time.nowMs += hourMs;
  const id = doomed.packs[0] ?? "";
  return { ...rig, kept, garbage: `packs/${id.slice(0, 2)}/${id}.pk` };
}

/** Collection as it is run every day: no repair by hand, only time. */
async function finish(repository: Repository, time: Timed, when: string): Promise<void> {
  for (let day = 0; day < 3; day++) {
    time.nowMs += 25 * hourMs;
    expect((await collect(repository)).missingChunks, when).toBe(0);
  }
  const { coverage } = await checkRepository(repository, { opener });
  expect(coverage.packsWithoutParity, when).toBe(0);
}
