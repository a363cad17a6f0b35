import { afterAll, describe, expect, test } from "vitest";
import { parityPath } from "../parity/parity-path.ts";
import { checkRepository } from "../repository/check-repository.ts";
import { readRef } from "../repository/refs.ts";
import { atEveryCall, crashKinds, type Expected, expectWhole } from "../testing/crash-rig.ts";
import { commitOf, filesOf, newRepository, readBack, weightsOf } from "../testing/repository-rig.ts";
import { opener } from "../testing/rig.ts";
import { createSnapshotPool } from "./snapshot-pool.ts";

const pool = createSnapshotPool({ threads: 2 });
afterAll(() => pool.close());

// Threads that wrote by themselves would write past this file system, and nothing of it would be here.
describe.for(crashKinds)("%s at a call of a commit on a pool", (kind) => {
  test("the older snapshot stays, the newer is absent or whole, and the next one works", async () => {
    const { repository, disk, time } = await newRepository();
    const older = await commitOf(repository, weightsOf(1), { pool });
    time.nowMs += 1000;
    const outcomes = new Set<string>();
    const stops = await atEveryCall(
      { kind, every: 2, first: crashKinds.indexOf(kind) % 2 },
      { disk, time },
      (repository) => commitOf(repository, weightsOf(2), { pool }),
      async (repository, result, when) => {
        const expected: Expected = new Map([[older.id, filesOf(weightsOf(1))]]);
        if (result) expected.set(result.id, filesOf(weightsOf(2)));
        for (const pack of result?.packs ?? [])
          expect(await repository.store.size(parityPath(pack)), when).toBeGreaterThan(0);
        const ids = await expectWhole(repository, expected, when);
        for (const id of ids.filter((id) => id !== older.id))
          expect(await readBack(repository, id), when).toEqual(filesOf(weightsOf(2)));
        outcomes.add(ids.length === 2 ? "whole" : "absent");
        const next = await commitOf(repository, weightsOf(2), { pool });
        const latest = await readRef(repository, { model: "digits", channel: "latest" });
        expect(latest?.snapshot, when).toBe(next.id);
        expect((await checkRepository(repository, { opener })).lost, when).toEqual([]);
      },
    );
    expect(stops).toBeGreaterThan(20);
    expect(outcomes).toEqual(new Set(["whole", "absent"]));
  });
});
