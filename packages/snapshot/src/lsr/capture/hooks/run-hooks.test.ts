import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault, type SnapshotHook } from "@locum/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HookDrivers, HookRun } from "./hook-driver.ts";
import { readSecret } from "./read-secret.ts";
import { runHooks } from "./run-hooks.ts";
import { runProgram } from "./run-program.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-hooks-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const hookOf = (name: string, timeoutMs = 60_000): SnapshotHook => ({
  kind: "sqlite",
  name,
  file: "/x",
  timeoutMs,
});

function driversOf(run: (name: string, where: HookRun) => Promise<Record<string, string>>): HookDrivers {
  const driver = (hook: SnapshotHook, where: HookRun) => run(hook.name, where);
  return { sqlite: driver, postgresql: driver, redis: driver, qdrant: driver };
}

test("a hook that fails leaves nothing, says why, and the next one runs", async () => {
  const drivers = driversOf(async (name, where) => {
    await writeFile(join(where.dir, "copy"), "half of it");
    if (name === "bad") throw new Fault("upstream-refused", "permission denied");
    return { id: name };
  });
  const outcomes = await runHooks([hookOf("bad"), hookOf("good")], { dir, drivers });
  expect(outcomes).toEqual([
    { name: "bad", kind: "sqlite", outcome: "failed", code: "upstream-refused", reason: "permission denied" },
    { name: "good", kind: "sqlite", outcome: "copied", identity: { id: "good" } },
  ]);
  expect(await readdir(dir)).toEqual(["good"]);
  expect(await readFile(join(dir, "good", "copy"), "utf8")).toBe("half of it");
  if (process.platform !== "win32") expect((await stat(join(dir, "good"))).mode & 0o777).toBe(0o700);
});

test("a hook beyond its time is over, whether it heeds the signal or not, and what an earlier run left is gone", async () => {
  const drivers = driversOf(async (name, { dir: place, signal }) => {
    await writeFile(join(place, "copy"), "half of it");
    return new Promise((_resolve, reject) => {
      if (name === "heeds") signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  const outcomes = await runHooks([hookOf("heeds", 20), hookOf("ignores", 20)], { dir, drivers });
  expect(outcomes.map((one) => "code" in one && one.code)).toEqual(["upstream-timeout", "upstream-timeout"]);
  expect(await readdir(dir)).toEqual([]);
});

test("a driver that answers without a copy, or throws what is no fault, has failed", async () => {
  const drivers = driversOf(async (name) => {
    if (name === "throws") throw new TypeError("x".repeat(9000));
    return {};
  });
  const outcomes = await runHooks([hookOf("empty"), hookOf("throws")], { dir, drivers });
  expect(outcomes).toMatchObject([
    { code: "upstream-protocol" },
    { code: "internal", reason: "x".repeat(500) },
  ]);
});

test("a program's failure, its absence and its time are told apart, and none outlives the signal", async () => {
  const signal = AbortSignal.timeout(60_000);
  const node = (script: string, stop = signal) =>
    runProgram(process.execPath, ["-e", script], { signal: stop });
  expect(await node("process.stdout.write(Object.keys(process.env).sort().join())")).toMatch(/^LC_ALL,PATH/);
  await expect(node("console.error('no such table'); process.exit(3)")).rejects.toMatchObject({
    code: "upstream-refused",
    message: expect.stringContaining("ended with 3: no such table"),
  });
  await expect(runProgram("/nowhere/at-all", [], { signal })).rejects.toMatchObject({
    code: "upstream-unreachable",
  });
  await expect(node("setInterval(() => {}, 1000)", AbortSignal.timeout(50))).rejects.toMatchObject({
    code: "upstream-timeout",
  });
  const loud = await node("process.stdout.write('x'.repeat(3e6))");
  expect(loud.length).toBe(1 << 20);
});

test.skipIf(process.platform === "win32")(
  "a secret is one line of a file that only its owner reads",
  async () => {
    const file = join(dir, "password");
    await writeFile(file, "hunter2\n", { mode: 0o600 });
    expect(await readSecret(file)).toBe("hunter2");
    for (const [name, text, mode] of [
      ["open", "hunter2", 0o644],
      ["two", "a\nb", 0o600],
      ["none", "", 0o600],
      ["long", "x".repeat(5000), 0o600],
    ] as const) {
      await writeFile(join(dir, name), text, { mode });
      await expect(readSecret(join(dir, name)), name).rejects.toMatchObject({ code: "refused" });
    }
    await expect(readSecret(join(dir, "absent"))).rejects.toMatchObject({ code: "refused" });
  },
);
