import type { AuditEvent } from "@locum/contracts";
import { expect, test } from "vitest";
import { createAuditGate } from "./audit-gate.ts";
import { memoryAuditLog } from "./memory-audit-log.fixture.ts";

const event = (reason: string): AuditEvent => ({
  kind: "promote.intent",
  at: "2026-01-01T00:00:00.000Z",
  service: "s",
  instance: "a",
  actor: "collector",
  epoch: 0,
  incident: null,
  reason,
  facts: {},
});
function gateOf(limits?: { counted: number; durable: number; strict: number }) {
  const log = memoryAuditLog();
  const seen: string[] = [];
  const said: string[] = [];
  const gate = createAuditGate({
    log,
    say: (_level, message) => void said.push(message),
    wallMs: () => 1_767_323_045_000,
    ...(limits ? { limits } : {}),
    onRecords: (records) => seen.push(...records.map((record) => record.event.reason)),
  });
  return { log, gate, seen, said };
}

test("appending resolves when it is on disk, and the order of the calls is kept", async () => {
  const { log, gate, seen } = gateOf();
  const calls = ["1", "2", "3"].map((reason) => gate.append([event(reason)]));
  await calls[0];
  expect(log.records.length).toBeGreaterThan(0);
  await Promise.all(calls);
  expect(seen).toEqual(["1", "2", "3"]);
  expect(gate.fault()).toBeNull();
});

test("while the disk is full the gate is shut; then everything comes, once, in order", async () => {
  const { log, gate, seen } = gateOf();
  log.failWith(Object.assign(new Error("no space"), { code: "ENOSPC" }));
  await gate.append([event("1")]);
  await gate.append([event("2")]);
  expect(gate.fault()).toMatchObject({ code: "disk-full" });
  expect(gate.waiting()).toBe(2);
  expect(seen).toEqual([]);
  log.failWith(null);
  await gate.append([event("3")]);
  expect(gate.fault()).toBeNull();
  expect(log.records.map((record) => record.event.reason)).toEqual(["1", "2", "3"]);
  await gate.retry();
  expect(seen).toEqual(["1", "2", "3"]);
});

const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
const of = (kind: AuditEvent["kind"], instance = "a"): AuditEvent => ({ ...event(kind), kind, instance });

test("under pressure counted kinds are a number, exactly, and nothing else is dropped", async () => {
  const { log, gate } = gateOf({ counted: 3, durable: 10, strict: 20 });
  log.failWith(full);
  for (const one of ["verdict.change", "input.finding", "promote.intent"] as const)
    await gate.append([of(one)]);
  for (let burst = 0; burst < 100; burst += 1)
    await gate.append([of("input.finding", burst % 4 ? "a" : "b")]);
  await gate.append([of("input.finding"), of("bytes.change")]);
  expect(gate.waiting()).toBe(4);
  expect(gate.counted()).toEqual({ sampled: 101, refused: 0 });
  log.failWith(null);
  await gate.retry();
  const written = log.records.map(({ event: { kind, instance, facts } }) => [kind, instance, facts.count]);
  expect(written).toEqual([
    ["verdict.change", "a", undefined],
    ["input.finding", "a", undefined],
    ["promote.intent", "a", undefined],
    ["bytes.change", "a", undefined],
    ["audit.count", "b", 25],
    ["audit.count", "a", 76],
  ]);
});

test("what finds no room is refused, loudly, and its number is in the log", async () => {
  const { log, gate, said } = gateOf({ counted: 1, durable: 2, strict: 3 });
  log.failWith(full);
  await gate.append([of("verdict.change")]);
  await gate.append([of("verdict.change")]);
  await expect(gate.append([of("verdict.change")])).rejects.toMatchObject({ code: "disk-full" });
  await gate.append([of("promote.intent")]);
  expect(said.at(-1)).toMatch(/refused/);
  log.failWith(null);
  await gate.retry();
  expect(log.records.at(-1)?.event).toMatchObject({
    kind: "audit.count",
    facts: { counted: "verdict.change", count: 1, why: "refused" },
  });
  expect(gate.fault()).toBeNull();
});

test("an intent that could not even wait shuts the gate for good", async () => {
  const { log, gate } = gateOf({ counted: 1, durable: 1, strict: 1 });
  log.failWith(full);
  await gate.append([of("promote.intent")]);
  await expect(gate.append([of("restore.intent")])).rejects.toMatchObject({ code: "disk-full" });
  log.failWith(null);
  await gate.retry();
  expect(log.records.map(({ event: { kind } }) => kind)).toEqual(["promote.intent", "audit.count"]);
  expect(gate.fault()?.message).toContain("the intent of restore.intent");
  expect(() => gate.assertOpen()).toThrow(/not ordered/);
});
