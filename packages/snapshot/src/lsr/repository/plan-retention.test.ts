import fc from "fast-check";
import { expect, test } from "vitest";
import { planRetention, type RetentionSnapshot, retentionPolicy } from "./plan-retention.ts";

const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 5, 15, 12);
const policy = (more: object = {}) =>
  retentionPolicy.parse({ last: 1, hourly: 0, daily: 0, weekly: 0, monthly: 0, withinMs: 0, ...more });
const at = (hoursAgo: number, more: Partial<RetentionSnapshot> = {}): RetentionSnapshot => {
  const ms = nowMs - hoursAgo * hourMs;
  return {
    id: `${1e6 - Math.round(hoursAgo * 100)}`,
    model: "digits",
    capturedAtMs: ms,
    storedMs: ms,
    verified: false,
    torn: false,
    ...more,
  };
};
const hoursKept = (snapshots: RetentionSnapshot[], ...options: Parameters<typeof policy>) => {
  const { keep } = planRetention(snapshots, { nowMs, policy: policy(...options) });
  const kept = new Set(keep.map(({ id }) => id));
  return snapshots.flatMap((each) => (kept.has(each.id) ? [(nowMs - each.storedMs) / hourMs] : []));
};
const hourly = Array.from({ length: 24 * 400 }, (_, n) => at(n + 0.5));

test.for([
  ["last", { last: 3 }, [0.5, 1.5, 2.5]],
  ["hourly", { hourly: 4 }, [0.5, 1.5, 2.5, 3.5]],
  ["daily: the newest of each day", { daily: 3 }, [0.5, 12.5, 36.5]],
  ["weekly: from Monday", { weekly: 2 }, [0.5, 12.5]],
  ["monthly", { monthly: 3 }, [0.5, 14 * 24 + 12.5, 45 * 24 + 12.5]],
] as const)("%s", ([, more, expected]) => {
  expect(hoursKept(hourly, more)).toEqual(expected);
});

test("periods without a snapshot do not count: a service that was off keeps what it has", () => {
  expect(hoursKept([at(1), at(24 * 200), at(24 * 300)], { daily: 3 })).toEqual([1, 24 * 200, 24 * 300]);
});

test("each model is on its own, and each pin holds", () => {
  const snapshots = [at(1), at(2), at(3, { model: "other", id: "x" }), at(4, { id: "held" })];
  const pins = new Map([["held", ["digits/pinned-hold-1"]]]);
  const plan = planRetention(snapshots, { nowMs, policy: policy(), pins });
  expect(plan.keep.map(({ id }) => id)).toEqual([at(1).id, "x", "held"]);
  expect(plan.keep[2]?.reasons).toEqual(["digits/pinned-hold-1"]);
  expect(plan.forget).toEqual([at(2).id]);
});

test("the last verified one stays, however old it is", () => {
  const snapshots = [at(1), at(2), at(24 * 1000, { verified: true }), at(24 * 1001, { verified: true })];
  expect(hoursKept(snapshots)).toEqual([1, 24 * 1000]);
});

test("of one hour the verified one is kept, then a whole one, before the newest", () => {
  const snapshots = [
    at(0.3, { torn: true }),
    at(0.4),
    at(0.6, { verified: true }),
    at(1.3, { torn: true }),
    at(1.4),
  ];
  const kept = hoursKept(snapshots.slice(1), { hourly: 2 });
  expect(kept).toEqual([0.4, 0.6, 1.4]);
  expect(hoursKept(snapshots, { hourly: 2 })).toEqual([0.3, 0.6, 1.4]);
});

test("forged capture times push nothing out: neither a future one nor many past ones", () => {
  const honest = [at(30), at(54)];
  const future = at(2, { id: "future", capturedAtMs: nowMs + 1000 * hourMs });
  const past = Array.from({ length: 50 }, (_, n) =>
    at(1, { id: `past ${n}`, capturedAtMs: nowMs - (n + 1) * 24 * hourMs }),
  );
  const plan = planRetention([...honest, future, ...past], { nowMs, policy: policy({ daily: 3 }) });
  const kept = plan.keep.map(({ id }) => id);
  expect(kept).toEqual(expect.arrayContaining(honest.map(({ id }) => id)));
  expect(plan.implausible).toContain("future");
});

test("whoever writes many at once pushes nothing recent out", () => {
  const flood = Array.from({ length: 100 }, (_, n) => at(0.001 * n, { id: `flood ${n}` }));
  const kept = hoursKept([...flood, at(0.8)], { last: 5, withinMs: hourMs });
  expect(kept).toContain(0.8);
});

test("whatever there is, each model keeps its newest verified one and something, and a plan is whole", () => {
  const snapshot = fc.record({
    id: fc.uuid(),
    model: fc.constantFrom("a", "b"),
    capturedAtMs: fc.integer({ min: 0, max: 2 * nowMs }),
    storedMs: fc.integer({ min: nowMs - 1e11, max: nowMs + 1e8 }),
    verified: fc.boolean(),
    torn: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.uniqueArray(snapshot, { selector: ({ id }) => id }), (snapshots) => {
      const { keep, forget } = planRetention(snapshots, { nowMs, policy: policy() });
      const kept = new Set(keep.map(({ id }) => id));
      expect([...kept, ...forget].toSorted()).toEqual(snapshots.map(({ id }) => id).toSorted());
      for (const model of ["a", "b"]) {
        const ofModel = snapshots.filter((each) => each.model === model);
        expect(ofModel.some(({ id }) => kept.has(id))).toBe(ofModel.length > 0);
        const verified = ofModel.filter((each) => each.verified);
        expect(verified.some(({ id }) => kept.has(id))).toBe(verified.length > 0);
      }
    }),
  );
});
