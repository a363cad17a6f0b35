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
function gateOf() {
  const log = memoryAuditLog();
  const seen: string[] = [];
  const gate = createAuditGate({
    log,
    say: () => undefined,
    onRecords: (records) => seen.push(...records.map((record) => record.event.reason)),
  });
  return { log, gate, seen };
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
