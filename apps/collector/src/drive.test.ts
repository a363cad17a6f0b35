import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeInputLogLine, effectsDigest } from "@locum/contracts";
import {
  decide,
  type Effect,
  type Input,
  planOf,
  type ServiceState,
  startService,
} from "@locum/coordination";
import { systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openInputLog } from "./adapters/input-log.ts";
import { serviceConfig } from "./collector.fixture.ts";
import { createDriver, type Timeless } from "./drive.ts";
import { healthyReport } from "./sidecar.fixture.ts";
import { startTicks } from "./start-ticks.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "locum-drive-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const quiet = () => undefined;
const start: Timeless = {
  kind: "start",
  term: 1,
  durable: null,
  incidents: [],
  leadUntilMs: Number.POSITIVE_INFINITY,
};
function driverOf(patch: Partial<Parameters<typeof createDriver>[0]> = {}) {
  const effects: Effect[] = [];
  const inputLog = openInputLog(folder, { say: quiet });
  const driver = createDriver({
    decide,
    start: startService(planOf(serviceConfig())),
    clock: systemClock,
    inputLog,
    perform: (list) => effects.push(...list),
    fleet: () => ({ silent: 0, size: 0 }),
    leadUntilMs: () => Number.POSITIVE_INFINITY,
    say: quiet,
    onBroken: (error) => {
      throw error;
    },
    ...patch,
  });
  return { driver, effects, inputLog };
}
const replay = (names: string[]): ServiceState | undefined => {
  let state: ServiceState | undefined;
  let decided = "";
  for (const name of names)
    for (const text of readFileSync(join(folder, name), "utf8").trimEnd().split("\n")) {
      const line = decodeInputLogLine<ServiceState, Input>(text);
      if (!line) throw new Error(`no line of an input log: ${text.slice(0, 100)}`);
      if ("effects" in line) expect(decided, "decided otherwise then").toBe(line.effects);
      else if ("state" in line) {
        // Each file begins with the very state that the one before ends with.
        if (state) expect(line.state).toEqual(state);
        state = line.state;
      } else if (state) {
        const decision = decide(state, line.input);
        state = decision.state;
        decided = effectsDigest(decision.effects);
      }
    }
  return state;
};

test("the input log decides again, bit by bit, what was decided", async () => {
  const { driver, inputLog } = driverOf({ tickMs: 5 });
  driver.put(start);
  for (const [seq, instance] of ["a", "b", "a", "b"].entries()) {
    driver.put({ kind: "connected", instance, incarnation: "boot" });
    driver.put({
      kind: "report",
      instance,
      incarnation: "boot",
      seq,
      sentMs: seq,
      report: healthyReport({ inflight: seq }),
    });
  }
  await vi.waitFor(() => expect(driver.counts.inputs).toBeGreaterThan(12));
  await driver.stop();
  await inputLog.close();
  const names = readdirSync(folder).sort().reverse();
  expect(replay(names)).toEqual(driver.state());
});

test("files of the input log stay small and few, and still replay", async () => {
  const say = vi.fn();
  const inputLog = openInputLog(folder, { say, fileBytesMax: 20_000, filesMax: 3 });
  const { driver } = driverOf({ inputLog });
  driver.put(start);
  driver.put({ kind: "connected", instance: "a", incarnation: "boot" });
  for (let seq = 0; seq < 300; seq += 1)
    driver.put({
      kind: "report",
      instance: "a",
      incarnation: "boot",
      seq,
      sentMs: seq,
      report: healthyReport(),
    });
  await driver.settled();
  await driver.stop();
  await inputLog.close();
  await vi.waitFor(() => expect(readdirSync(folder)).toHaveLength(3));
  expect(replay(["inputs.2.jsonl", "inputs.1.jsonl", "inputs.jsonl"])).toEqual(driver.state());
  expect(say).not.toHaveBeenCalled();
});

test("an input log without a disk costs no decision", async () => {
  const { driver } = driverOf({ inputLog: openInputLog(join(folder, "gone"), { say: quiet }) });
  rmSync(join(folder, "gone"), { recursive: true });
  driver.put(start);
  driver.put({ kind: "connected", instance: "a", incarnation: "boot" });
  await driver.settled();
  expect(driver.state().members.a?.connected).toBe(true);
  await driver.stop();
});

test("a flood of reports is dropped beyond the limit, other inputs are not", async () => {
  const { driver } = driverOf();
  driver.put(start);
  driver.put({ kind: "connected", instance: "a", incarnation: "boot" });
  for (let seq = 0; seq < 5000; seq += 1)
    driver.put({
      kind: "report",
      instance: "a",
      incarnation: "boot",
      seq,
      sentMs: seq,
      report: healthyReport(),
    });
  driver.put({ kind: "disconnected", instance: "a", incarnation: "boot" });
  await driver.settled();
  expect(driver.counts.dropped).toBeGreaterThan(3000);
  expect(driver.state().members.a?.connected).toBe(false);
  await driver.stop();
});

test("a broken invariant stops the loop and is told; nothing is decided after it", async () => {
  const broken: unknown[] = [];
  const seen: Input["kind"][] = [];
  const { driver } = driverOf({
    decide: (state, input) => {
      seen.push(input.kind);
      if (input.kind === "connected") throw new Error("broken invariant: for the test");
      return decide(state, input);
    },
    onBroken: (error) => broken.push(error),
  });
  driver.put(start);
  driver.put({ kind: "connected", instance: "a", incarnation: "boot" });
  driver.put({ kind: "disconnected", instance: "a", incarnation: "boot" });
  await vi.waitFor(() => expect(broken).toHaveLength(1));
  expect(seen.slice(0, 2)).toEqual(["start", "connected"]);
  expect(seen).not.toContain("disconnected");
  expect(readFileSync(join(folder, "inputs.jsonl"), "utf8")).toContain('"connected"');
  await driver.stop();
});

test("an order waits for the store, and says so when the store does not answer", async () => {
  const { driver, effects } = driverOf({ storedMsMax: 50 });
  driver.put(start);
  await driver.settled();
  const order = { id: "o1", by: "token:x", reason: "", kind: "resume" } as const;
  await expect(driver.order(order, () => true)).rejects.toMatchObject({ code: "storage-failed" });
  const stored = effects.find((effect) => effect.kind === "store");
  expect(stored).toBeDefined();
  const again = driver.order({ ...order, id: "o2" }, () => true);
  if (stored?.kind === "store")
    driver.put({ kind: "stored", version: stored.durable.version, ok: true, found: null });
  await expect(again).resolves.toMatchObject({ term: 1 });
  await driver.stop();
});

test("a stall of the process is measured by the tick after it, and credited once", async () => {
  const stalls: number[] = [];
  let nowMs = 0;
  let wake = (): void => undefined;
  const clock = {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    sleep: () =>
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
  };
  const stop = startTicks(clock, 100, (stalledMs) => stalls.push(stalledMs));
  const pass = async (ms: number) => {
    nowMs += ms;
    wake();
    await Promise.resolve();
    await Promise.resolve();
  };
  await pass(100);
  await pass(110);
  await pass(2600);
  await pass(100);
  stop();
  await pass(100);
  expect(stalls).toEqual([0, 0, 2500, 0]);
});
