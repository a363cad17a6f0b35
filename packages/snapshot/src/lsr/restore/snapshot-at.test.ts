import { expect, test } from "vitest";
import type { ListedSnapshot } from "../repository/list-snapshots.ts";
import { snapshotAt } from "./snapshot-at.ts";

const noonMs = Date.UTC(2026, 0, 2, 12);
const minuteMs = 60_000;

function listed(
  turn: number,
  capturedMs: number,
  { torn = false, model = "digits", storedMs = capturedMs + 1000 } = {},
): ListedSnapshot {
  const id = `01KE000000000000000000000${turn}`;
  const capturedAt = new Date(capturedMs).toISOString();
  const stub = { format: "LSR/1" as const, id, model, capturedAt, bytes: 1, files: 1 };
  return { id, storedMs, manifestBytes: 1, stub: { ...stub, parent: null, torn, signer: null } };
}

const snapshots = [
  listed(1, noonMs - 30 * minuteMs),
  listed(2, noonMs - 20 * minuteMs),
  listed(3, noonMs - 10 * minuteMs, { torn: true }),
  listed(4, noonMs - 5 * minuteMs, { model: "letters" }),
  listed(5, noonMs + 2000),
];
const at = (atMs: number, more: object = {}) => snapshotAt({ snapshots, model: "digits", atMs, ...more });

test("the newest at or before it that is whole and of the model", () => {
  expect(at(noonMs).snapshot.id).toBe(snapshots[1]?.id);
  expect(at(noonMs).lostMs).toBe(20 * minuteMs);
  expect(at(noonMs - 20 * minuteMs).snapshot.id).toBe(snapshots[1]?.id);
  expect(at(noonMs - 20 * minuteMs - 1).snapshot.id).toBe(snapshots[0]?.id);
  expect(at(noonMs + minuteMs).snapshot.id).toBe(snapshots[4]?.id);
});

test("what clocks decide is named: on either side, within the slack", () => {
  expect(at(noonMs).uncertain.map(({ id }) => id)).toEqual([snapshots[4]?.id]);
  expect(at(noonMs + 2000).uncertain.map(({ id }) => id)).toEqual([snapshots[4]?.id]);
  expect(at(noonMs, { slackMs: 1000 }).uncertain).toEqual([]);
});

test("a writer whose clock is ahead of the storage's is found out", () => {
  const ahead = [listed(1, noonMs, { storedMs: noonMs - 7000 })];
  expect(snapshotAt({ snapshots: ahead, model: "digits", atMs: noonMs }).writerAheadMs).toBe(7000);
  expect(at(noonMs).writerAheadMs).toBe(0);
});

test.for([
  [noonMs - 31 * minuteMs, "digits", "the oldest whole one is of 2026-01-02T11:30:00.000Z"],
  [noonMs, "nobody", "there is no whole one"],
] as const)("at %i of %s: none, and why", ([atMs, model, why]) => {
  expect(() => at(atMs, { model })).toThrow(
    expect.objectContaining({ code: "snapshot-missing", message: expect.stringContaining(why) }),
  );
});
