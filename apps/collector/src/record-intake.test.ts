import type { AuditEvent } from "@locum/contracts";
import { expect, test, vi } from "vitest";
import { openSqliteStore } from "./adapters/sqlite-store.ts";
import { memoryAuditLog } from "./memory-audit-log.fixture.ts";
import { openRecordIntake } from "./record-intake.ts";
import type { Store } from "./store.ts";

const sender = { service: "s", instance: "a" };
const event = (n: number, instance: string | null = "a"): AuditEvent => ({
  kind: "input.finding",
  at: "2026-01-01T00:00:00.000Z",
  service: "s",
  instance,
  actor: "sidecar:a",
  epoch: 0,
  incident: null,
  reason: "",
  facts: { n },
});
const quiet = () => undefined;
const intakeOf = (log = memoryAuditLog(), store: Store = openSqliteStore(":memory:")) =>
  openRecordIntake({ log, store, say: quiet, onRecords: quiet });
const take = (intake: Awaited<ReturnType<typeof intakeOf>>, seq: number, given = event(seq)) =>
  new Promise<number>((resolve) => intake.take(sender, seq, given, resolve));

test("a crash between the log and the store repeats nothing: the log tells the next start", async () => {
  const log = memoryAuditLog();
  const dying = openSqliteStore(":memory:");
  dying.markRecorded = async (origins) => {
    if (origins.length > 0) throw new Error("killed here");
  };
  const first = await intakeOf(log, dying);
  first.take(sender, 0, event(0), () => expect.unreachable());
  first.take(sender, 1, event(1, null), () => expect.unreachable());
  await vi.waitFor(async () => {
    await first.retry();
    expect(log.records).toHaveLength(2);
  });

  const second = await intakeOf(log);
  expect(await take(second, 0)).toBe(0);
  expect(await take(second, 1, event(1, null))).toBe(1);
  expect(await take(second, 2)).toBe(2);
  expect(log.records.map(({ event: { facts } }) => facts.n)).toEqual([0, 1, 2]);
});

test("a store that fails after the log was written is asked again, the log is not", async () => {
  const log = memoryAuditLog();
  const store = openSqliteStore(":memory:");
  const mark = store.markRecorded;
  let failures = 2;
  store.markRecorded = async (origins) => {
    if (origins.length > 0 && failures-- > 0) throw new Error("busy");
    await mark(origins);
  };
  const intake = await intakeOf(log, store);
  const recorded = take(intake, 7);
  await vi.waitFor(async () => {
    await intake.retry();
    expect(intake.waiting()).toBe(0);
  });
  expect(await recorded).toBe(7);
  expect(log.records).toHaveLength(1);
});

test("a sender that does not wait is turned away; nothing that was taken is lost", async () => {
  const log = memoryAuditLog();
  const intake = await intakeOf(log);
  log.failWith(new Error("full"));
  const recorded = vi.fn();
  const taken = Array.from({ length: 1100 }, (_, seq) => intake.take(sender, seq, event(seq), recorded));
  expect(taken.filter(Boolean)).toHaveLength(1024);
  expect(intake.take({ ...sender, instance: "b" }, 0, event(0, "b"), recorded)).toBe(true);
  log.failWith(null);
  await vi.waitFor(async () => {
    await intake.retry();
    expect(intake.waiting()).toBe(0);
  });
  expect(log.records).toHaveLength(1025);
  expect(Math.max(...recorded.mock.calls.flat())).toBe(1023);
  expect(intake.take(sender, 1024, event(1024), recorded)).toBe(true);
});

test("what waits from a sender that is gone is forgotten", async () => {
  const log = memoryAuditLog();
  const intake = await intakeOf(log);
  log.failWith(new Error("full"));
  intake.take(sender, 0, event(0), quiet);
  intake.forget(sender);
  expect(intake.waiting()).toBe(0);
});
