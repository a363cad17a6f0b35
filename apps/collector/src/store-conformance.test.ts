import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Incident, Release } from "@locum/contracts";
import type { Durable } from "@locum/coordination";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openSqliteStore } from "./adapters/sqlite-store.ts";

/** Every adapter of the port is one row: how it is opened here, and in a process that is killed. */
const adapters = [
  {
    name: "sqlite",
    open: (folder: string) => openSqliteStore(join(folder, "store.db")),
    module: new URL("./adapters/sqlite-store.ts", import.meta.url).href,
    opened: (folder: string) => `openSqliteStore(${JSON.stringify(join(folder, "store.db"))})`,
  },
];

const durable = (version: number, patch: Partial<Durable> = {}): Durable => ({
  version,
  term: 1,
  epoch: 0,
  roles: { a: "active" },
  promotion: null,
  operations: {},
  spent: {},
  pausedUntil: null,
  frozen: [],
  ...patch,
});
const incident = (id: string, patch: Partial<Incident> = {}): Incident => ({
  id,
  service: "s",
  instance: "a",
  failure: "hung",
  openedAtMs: 1,
  closedAtMs: null,
  drill: null,
  timeline: [],
  ...patch,
});
const origin = (seq: number, digest = "d", instance = "a") => ({ service: "s", instance, seq, digest });

describe.each(adapters)("store: $name", ({ open, module, opened }) => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "locum-store-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("terms only grow, through reopening too", async () => {
    const first = open(folder);
    expect(await first.takeTerm()).toBe(1);
    expect(await first.takeTerm()).toBe(2);
    await first.close();
    const second = open(folder);
    expect(await second.takeTerm()).toBe(3);
    await second.close();
  });

  test("swap: the version decides, the loser learns what is there, a repeated write is a success", async () => {
    const store = open(folder);
    expect(await store.readService("s")).toBeNull();
    expect(await store.swapService("s", durable(2))).toEqual({ ok: false, found: null });
    expect(await store.swapService("s", durable(1))).toEqual({ ok: true });
    expect(await store.swapService("s", durable(1))).toEqual({ ok: true });
    const other = durable(1, { epoch: 7 });
    expect(await store.swapService("s", other)).toEqual({ ok: false, found: durable(1) });
    expect(await store.swapService("s", durable(2, { epoch: 1 }))).toEqual({ ok: true });
    await store.close();
    const again = open(folder);
    expect(await again.readService("s")).toEqual(durable(2, { epoch: 1 }));
    expect(await again.readService("other")).toBeNull();
    await again.close();
  });

  test("of concurrent swaps exactly one wins", async () => {
    const store = open(folder);
    const tries = Array.from({ length: 8 }, (_, epoch) => store.swapService("s", durable(1, { epoch })));
    expect((await Promise.all(tries)).filter(({ ok }) => ok)).toHaveLength(1);
    await store.close();
  });

  test("the first claim of a key stands, through reopening too", async () => {
    const claim = { key: "k", request: "r1", operation: "o1", service: "s", atMs: Date.now() };
    const store = open(folder);
    expect(await store.claimKey(claim)).toEqual({ ...claim, accepted: false });
    expect(await store.claimKey({ ...claim, request: "r2", operation: "o2" })).toMatchObject({
      operation: "o1",
    });
    await store.acceptKey("k");
    await store.close();
    const again = open(folder);
    expect(await again.claimKey({ ...claim, operation: "o3" })).toEqual({ ...claim, accepted: true });
    await again.close();
  });

  test("incidents: last write wins, newest first, filtered", async () => {
    const store = open(folder);
    await store.putIncident(incident("i1"));
    await store.putIncident(incident("i2", { openedAtMs: 2, service: "t" }));
    await store.putIncident(incident("i1", { closedAtMs: 5 }));
    expect((await store.incidents({ limit: 10 })).map(({ id }) => id)).toEqual(["i2", "i1"]);
    expect(await store.incidents({ open: true, limit: 10 })).toHaveLength(1);
    expect(await store.incidents({ service: "s", open: false, limit: 10 })).toHaveLength(1);
    expect(await store.incidents({ limit: 1 })).toHaveLength(1);
    expect((await store.incident("i1"))?.closedAtMs).toBe(5);
    expect(await store.incident("none")).toBeNull();
    await store.close();
  });

  test("releases come back as they were, once each", async () => {
    const release = {
      digest: `sha256:${"0".repeat(64)}`,
      body: { note: "é" },
      approvals: [],
    } as unknown as Release;
    const store = open(folder);
    await store.putRelease(release);
    await store.putRelease(release);
    expect(await store.releases()).toEqual([release]);
    await store.close();
  });

  test("a record is known by sender, number and content", async () => {
    const store = open(folder);
    await store.markRecorded([origin(0), origin(1)]);
    await store.markRecorded([origin(1)]);
    await store.close();
    const again = open(folder);
    const asked = [origin(0), origin(1), origin(2), origin(0, "other"), origin(0, "d", "b")];
    expect(await again.areRecorded(asked)).toEqual([true, true, false, false, false]);
    await again.close();
  });

  test("what was promised is there after kill -9 between any two writes", async () => {
    let promised = 0;
    for (let round = 0; round < 3; round += 1) {
      const code = `
        const { openSqliteStore } = await import(${JSON.stringify(module)});
        const store = ${opened(folder)};
        console.log("term " + await store.takeTerm());
        let durable = await store.readService("s") ?? ${JSON.stringify(durable(0))};
        for (;;) {
          durable = { ...durable, version: durable.version + 1, epoch: durable.epoch + 1 };
          const { ok } = await store.swapService("s", durable);
          console.log((ok ? "stored " : "lost ") + durable.version);
          await new Promise(setImmediate);
        }`;
      const lines = await killedAfter(code, 25 + 10 * round);
      expect(lines.filter((line) => line.startsWith("lost"))).toEqual([]);
      expect(lines[0]).toBe(`term ${2 * round + 1}`);
      promised = Number(lines.at(-1)?.split(" ")[1]);
      const store = open(folder);
      const found = await store.readService("s");
      expect(found?.version).toBeGreaterThanOrEqual(promised);
      expect(found?.epoch).toBe(found?.version);
      expect(await store.takeTerm()).toBe(2 * round + 2);
      await store.close();
    }
  });
});

test("a second collector on the same SQLite file is refused", async () => {
  const folder = mkdtempSync(join(tmpdir(), "locum-store-"));
  const store = openSqliteStore(join(folder, "store.db"));
  expect(() => openSqliteStore(join(folder, "store.db"))).toThrow(
    expect.objectContaining({ code: "conflict" }),
  );
  await store.close();
  rmSync(folder, { recursive: true });
});

test("a store that cannot be opened is a fault that says so", () => {
  expect(() => openSqliteStore("/proc/none/store.db")).toThrow(
    expect.objectContaining({ code: "storage-failed" }),
  );
});

/** Lines that a child process had printed when it was killed, the last one whole. */
function killedAfter(code: string, linesMin: number): Promise<string[]> {
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk;
    if (text.split("\n").length > linesMin) child.kill("SIGKILL");
  });
  return new Promise((resolve) =>
    child.on("close", () => resolve(text.slice(0, text.lastIndexOf("\n")).split("\n"))),
  );
}
