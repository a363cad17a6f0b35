import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTally, openSpool, type Tally } from "@locum/audit";
import { type AuditEvent, Fault, type SidecarFrame } from "@locum/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSpoolPump, lazySpool, type SpoolPort, type SpoolPump } from "./spool-pump.ts";

let dir: string;
let sent: SidecarFrame[];
let isOpen: boolean;
let pump: SpoolPump;
let logs: string[];

const event = (reason: string): AuditEvent => ({
  kind: "reload.intent",
  at: "2026-01-01T00:00:00.000Z",
  service: "s",
  instance: "a",
  actor: "sidecar:a",
  epoch: 1,
  incident: null,
  reason,
  facts: {},
});
const open = (spool: SpoolPort, more: { tally?: Tally; pressed?: number } = {}) =>
  createSpoolPump({
    spool,
    tally: createTally(),
    stamp: () => ({ at: "2026-01-02T00:00:00.000Z", actor: "sidecar:a" }),
    ...more,
    log: (_level, message) => void logs.push(message),
    send(frame) {
      if (isOpen) sent.push(frame);
      return isOpen;
    },
  });
const reasons = () => sent.flatMap((frame) => (frame.kind === "record" ? frame.event.reason : []));

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-pump-"));
  sent = [];
  logs = [];
  isOpen = false;
  pump = open(await openSpool({ dir }));
});
afterEach(async () => {
  await pump.close();
  await rm(dir, { recursive: true, force: true });
});

describe("records of a sidecar", () => {
  it("wait on disk while no collector is there, and leave in order when it is", async () => {
    await Promise.all(["1", "2", "3"].map((reason) => pump.record(event(reason))));
    expect(reasons()).toEqual([]);
    isOpen = true;
    pump.opened();
    await expect.poll(reasons).toEqual(["1", "2", "3"]);
  });

  it("are sent again on a new stream until they are recorded, and not after that", async () => {
    isOpen = true;
    await pump.record(event("1"));
    await pump.record(event("2"));
    const [first] = sent;
    pump.recorded(first?.kind === "record" ? first.seq : -1);
    await expect.poll(() => pump.waiting()).toBe(1);
    pump.opened();
    await expect.poll(reasons).toEqual(["1", "2", "2"]);
  });

  it("survive a restart of the sidecar", async () => {
    await pump.record(event("before"));
    await pump.close();
    pump = open(await openSpool({ dir }));
    isOpen = true;
    pump.opened();
    await expect.poll(reasons).toEqual(["before"]);
  });

  it("go out in batches, the next when the last is on the collector's disk", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => pump.record(event(`${i}`))));
    isOpen = true;
    pump.opened();
    await expect.poll(() => sent.length).toBe(64);
    const last = sent.at(-1);
    pump.recorded(last?.kind === "record" ? last.seq : -1);
    await expect.poll(() => sent.length).toBe(128);
  });
});

describe("a full disk", () => {
  it("keeps records in memory, in order, and loses none when there is room again", async () => {
    let isFull = true;
    const real = await openSpool({ dir: join(dir, "second") });
    const full: SpoolPort = {
      ...real,
      put: (one) => (isFull ? Promise.reject(new Fault("disk-full", "no room")) : real.put(one)),
    };
    const second = open(full);
    await second.record(event("1"));
    await second.record(event("2"));
    expect(second.waiting()).toBe(2);
    isFull = false;
    isOpen = true;
    await second.record(event("3"));
    await expect.poll(reasons).toEqual(["1", "2", "3"]);
    await second.close();
  });

  it("says what is not on disk, refuses what has no room at all, and tells its number afterwards", async () => {
    let isFull = true;
    const real = await openSpool({ dir: join(dir, "fourth") });
    const full: SpoolPort = {
      ...real,
      put: (one) => (isFull ? Promise.reject(new Fault("disk-full", "no room")) : real.put(one)),
    };
    const fourth = open(full);
    const told = await Promise.all(Array.from({ length: 1003 }, (_, i) => fourth.record(event(`${i}`))));
    expect(told).not.toContain(true);
    expect(logs.filter((line) => line.includes("was refused"))).toHaveLength(3);
    isFull = false;
    expect(await fourth.record(event("last"))).toBe(true);
    const kept = await real.pending(2000);
    expect(kept.map(({ event: { reason } }) => reason).slice(999, 1002)).toEqual([
      "999",
      expect.stringContaining("3 reload.intent were refused"),
      "last",
    ]);
    await fourth.close();
  });

  it("at the start does not keep the sidecar from starting", async () => {
    let tries = 0;
    const lazy = lazySpool(async () => {
      tries += 1;
      if (tries < 2) throw new Fault("disk-full", "no room");
      return openSpool({ dir: join(dir, "third") });
    });
    const third = open(lazy);
    await third.record(event("1"));
    isOpen = true;
    await third.record(event("2"));
    await expect.poll(reasons).toEqual(["1", "2"]);
    await third.close();
  });
});

describe("pressure", () => {
  it("makes a number of counted kinds, exactly, and of nothing else", async () => {
    const spool = await openSpool({ dir: join(dir, "fifth") });
    const fifth = open(spool, { pressed: 3 });
    const finding = (reason: string): AuditEvent => ({ ...event(reason), kind: "input.finding" });
    for (const reason of ["1", "2", "3"]) await fifth.record(finding(reason));
    for (let burst = 0; burst < 50; burst += 1) await fifth.record(finding("burst"));
    expect(await fifth.record(event("an intent"))).toBe(true);
    isOpen = true;
    fifth.opened();
    await expect.poll(reasons).toEqual(["1", "2", "3", "an intent"]);
    fifth.recorded(3);
    await expect.poll(() => fifth.waiting()).toBe(0);
    await fifth.record(event("after"));
    const counts = sent.flatMap((frame) => (frame.kind === "record" ? [frame.event] : []));
    expect(counts.filter(({ kind }) => kind === "audit.count")).toMatchObject([
      { service: "s", instance: "a", facts: { counted: "input.finding", count: 50, total: 50 } },
    ]);
    await fifth.close();
  });
});
