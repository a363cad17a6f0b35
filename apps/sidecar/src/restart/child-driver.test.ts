import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isGroupThere, isSameProcess, isThere, processId } from "../adapters/process-id.ts";
import { openChildDriver } from "./child-driver.ts";
import type { RestartDriver } from "./restart-driver.ts";
import { type DriverDesk, openDriverDesk } from "./testing/driver-desk.ts";

const patient = { timeout: 15_000, interval: 20 };
const quick = { backoffFirstMs: 50, backoffMaxMs: 400, pollMs: 20 };
let desk: DriverDesk;
let driver: RestartDriver;
const groups = new Set<number>();

const pidNow = async () => Number(await readFile(join(desk.dir, "pid"), "utf8"));
const open = (script: string, { stopMs = 5000, timing = {} } = {}) =>
  openChildDriver({ child: ["sh", "-c", script], stopMs }, desk.deps, { ...quick, ...timing });
/** Starts it, and remembers it for the end. */
async function started(script: string, options = {}): Promise<number> {
  driver = open(script, options);
  expect(await driver.start()).toBe(true);
  return noted();
}
async function noted(): Promise<number> {
  const pid = await pidNow();
  groups.add(pid);
  return pid;
}

beforeEach(async () => {
  desk = await openDriverDesk({ LOCUM_SECRET: "hush", OTEL_EXPORTER_OTLP_HEADERS: "x=y", KEPT: "yes" });
});
afterEach(async () => {
  await driver?.close();
  for (const group of groups)
    try {
      process.kill(-group, "SIGKILL");
    } catch {
      // It ended in the test.
    }
  groups.clear();
  await desk.close();
});

const sleeper = "sleep 1000 & wait";
const deafSleeper = 'trap "" TERM; echo deaf; while :; do sleep 1000; done';

describe("a model server that the sidecar starts", () => {
  it("outlives the sidecar, and the next one finds the same process", async () => {
    const pid = await started(sleeper);
    const before = await processId(pid);
    await driver.close();
    expect(await isSameProcess(before)).toBe(true);
    driver = open(sleeper);
    expect(await driver.start()).toBe(false);
    expect(await pidNow()).toBe(pid);
    expect(await driver.isThere()).toBe(true);
  });

  it("is found by its mark where nobody wrote its number down", async () => {
    const pid = await started(sleeper);
    await driver.close();
    await writeFile(join(desk.deps.stateDir, "child.json"), "half a rec");
    driver = open(sleeper);
    expect(await driver.start()).toBe(false);
    expect(await pidNow()).toBe(pid);
  });

  it("another process with its number is not it", async () => {
    const pid = await started(sleeper);
    await driver.close();
    process.kill(-pid, "SIGKILL");
    await expect.poll(() => isGroupThere(pid), patient).toBe(false);
    // This process has the number now.
    const record = join(desk.deps.stateDir, "child.json");
    const kept = JSON.parse(await readFile(record, "utf8"));
    await writeFile(record, JSON.stringify({ ...kept, pid: process.pid }));
    driver = open(sleeper);
    expect(await driver.start()).toBe(true);
    expect(await noted()).not.toBe(process.pid);
  });

  it("has the environment without what is Locum's, and its words in a file", async () => {
    await started("env; echo oops >&2; sleep 1000");
    const log = join(desk.deps.stateDir, "model-server.log");
    await expect.poll(() => readFile(log, "utf8"), patient).toContain("oops");
    const words = await readFile(log, "utf8");
    expect(words).toContain("KEPT=yes");
    expect(words).not.toContain("hush");
    expect(words).not.toContain("OTEL_EXPORTER_OTLP_HEADERS");
  });
});

describe("a restart", () => {
  it("ends the process with its workers, and another one is there", async () => {
    const pid = await started(sleeper);
    const before = await processId(pid);
    const { ok, detail } = await driver.restart({ gone: false });
    const after = await processId(await noted());
    expect({ ok, detail }).toEqual({
      ok: true,
      detail: `process ${pid} is gone, process ${after.pid} is there`,
    });
    expect(await isSameProcess(before)).toBe(false);
    expect(await isGroupThere(pid)).toBe(false);
    expect(await isSameProcess(after)).toBe(true);
  });

  it("ends one that is stopped with SIGSTOP", async () => {
    const pid = await started(sleeper);
    process.kill(-pid, "SIGSTOP");
    expect(await driver.restart({ gone: false })).toMatchObject({ ok: true });
    await noted();
    expect(await isGroupThere(pid)).toBe(false);
  });

  it("kills one that is stopped and deaf to SIGTERM", async () => {
    const pid = await started(deafSleeper, { stopMs: 300 });
    const log = join(desk.deps.stateDir, "model-server.log");
    await expect.poll(() => readFile(log, "utf8"), patient).toContain("deaf");
    process.kill(-pid, "SIGSTOP");
    expect(await driver.restart({ gone: false })).toMatchObject({ ok: true });
    expect(await noted()).not.toBe(pid);
    expect(await isGroupThere(pid)).toBe(false);
  });

  it("because it is gone leaves one alone that is there again", async () => {
    const pid = await started(sleeper);
    expect(await driver.restart({ gone: true })).toMatchObject({ ok: true });
    expect(await pidNow()).toBe(pid);
  });

  it("that cannot start says so, and is tried again", async () => {
    await started(sleeper);
    await driver.close();
    driver = openChildDriver({ child: [join(desk.dir, "bin/server")], stopMs: 1000 }, desk.deps, quick);
    await driver.start();
    const { ok, detail } = await driver.restart({ gone: false });
    expect(ok).toBe(false);
    expect(detail).toMatch(/server does not start: .*ENOENT/);
    await desk.program("server", sleeper);
    await expect.poll(() => driver.isThere(), patient).toBe(true);
    await noted();
  });
});

describe("one that dies by itself", () => {
  it("is started again, its orphans first ended, and both are told", async () => {
    const pid = await started("sleep 1000 & wait");
    process.kill(pid, "SIGKILL");
    await expect.poll(pidNow, patient).not.toBe(pid);
    const next = await noted();
    await expect.poll(() => isThere(next), patient).toBe(true);
    expect(await isGroupThere(pid)).toBe(false);
    await expect.poll(() => desk.told.length, patient).toBe(2);
    expect(desk.told[0]).toMatch(new RegExp(`process ${pid} .*ended with SIGKILL by itself .*again in`));
    expect(desk.told[1]).toContain(`process ${next} is there`);
  });

  it("again and again is started later and later", async () => {
    await started("exit 3", { timing: { backoffFirstMs: 20, backoffMaxMs: 80 } });
    const waits = () => desk.told.flatMap((line) => /ended with 3.*again in (\d+) ms/.exec(line)?.[1] ?? []);
    await expect.poll(() => waits().length, patient).toBeGreaterThanOrEqual(5);
    expect(waits().slice(0, 5)).toEqual(["20", "40", "80", "80", "80"]);
  });
});
