import { expect, test } from "vitest";
import { createDueActs } from "./due-acts.ts";

const rig = () => {
  const time = { nowMs: 0 };
  return { time, due: createDueActs({ monotonicMs: () => time.nowMs }) };
};
const minuteMs = 60_000;

test("what fails again and again is tried less and less often, and at once when it is asked for", () => {
  const { time, due } = rig();
  const waits: number[] = [];
  due.add("prune");
  for (let n = 0; n < 9; n++) {
    const sinceMs = time.nowMs;
    while (due.next(new Set()) === undefined) time.nowMs += minuteMs;
    waits.push((time.nowMs - sinceMs) / minuteMs);
    due.begin("prune");
    due.end("prune", "failed");
  }
  expect(waits).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60]);
  expect(due.next(new Set())).toBeUndefined();
  due.add("prune");
  expect(due.next(new Set())).toBe("prune");
  due.begin("prune");
  due.end("prune", "done");
  expect(due.pending().size).toBe(0);
});

test("what is asked for while it runs is due again; what waits does not hold up the next", () => {
  const { due } = rig();
  due.add("drill s");
  due.add("scrub");
  due.begin("drill s");
  due.add("drill s");
  due.end("drill s", "failed");
  expect(due.next(new Set())).toBe("scrub");
  expect(due.next(new Set(["scrub"]))).toBe("drill s");
  due.begin("scrub");
  expect([...due.pending()].sort()).toEqual(["drill s", "scrub"]);
  due.end("scrub", "failed for good");
  expect([...due.pending()]).toEqual(["drill s"]);
});
