import { expect, test } from "vitest";
import { commitOf, hourMs, namesOf, newRepository, weightsOf } from "../testing/repository-rig.ts";
import { forget } from "./forget.ts";
import { measureRepository } from "./measure.ts";
import { planForget } from "./plan-forget.ts";
import { retentionPolicy } from "./plan-retention.ts";
import { moveRef } from "./refs.ts";

test("what the plan forgets is gone, what channels hold and the last verified one is not", async () => {
  const { repository, time } = await newRepository();
  const ids: string[] = [];
  for (let n = 0; n < 6; n++) {
    ids.push((await commitOf(repository, weightsOf(1))).id);
    time.nowMs += 2 * hourMs;
  }
  const [held = "", verified = "", , , , newest = ""] = ids;
  const pin = { model: "digits", channel: "pinned-hold-2026" };
  await moveRef(repository, pin, { snapshot: held, expected: null, by: "auditor" });
  const policy = retentionPolicy.parse({ last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0 });
  const plan = await planForget(repository, { policy, verified: new Set([verified]) });
  expect(plan.keep.map(({ id }) => id)).toEqual([held, verified, newest]);
  expect(plan.forget).toEqual(ids.slice(2, 5));
  const before = await measureRepository(repository);
  await forget(repository, plan.forget);
  await forget(repository, plan.forget);
  expect(await namesOf(repository, "snaps/")).toEqual([held, verified, newest].map((id) => `snaps/${id}.sn`));
  const after = await measureRepository(repository);
  expect([before.snapshots.count, after.snapshots.count]).toEqual([6, 3]);
  expect(after.packs).toEqual(before.packs);
});

test("a forged time of capture neither keeps nor removes more than the storage's time does", async () => {
  const { repository, time } = await newRepository();
  const honest = await commitOf(repository, weightsOf(1));
  time.nowMs += 30 * hourMs;
  const forged = await commitOf(repository, weightsOf(1), {
    stub: { capturedAt: "2099-01-01T00:00:00.000Z" },
  });
  time.nowMs += 2 * hourMs;
  const { keep, implausible } = await planForget(repository, {
    policy: retentionPolicy.parse({ last: 1, hourly: 0, daily: 2, weekly: 0, monthly: 0 }),
  });
  expect(keep.map(({ id }) => id)).toEqual([honest.id, forged.id]);
  expect(implausible).toEqual([forged.id]);
});
