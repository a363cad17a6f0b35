import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { isThere } from "../adapters/process-id.ts";
import { missingProgram, openRestartDriver } from "./restart-driver.ts";
import { type DriverDesk, openDriverDesk } from "./testing/driver-desk.ts";

let desk: DriverDesk;
beforeEach(async () => {
  desk = await openDriverDesk({ LOCUM_SECRET: "hush" });
});
afterEach(async () => {
  const pid = await pidOf().catch(() => 0);
  if (pid > 1 && (await isThere(pid))) process.kill(pid, "SIGKILL");
  await desk.close();
});

const pidOf = async () => Number(await readFile(join(desk.dir, "pid"), "utf8"));
/** A server that runs by itself, its number in $DESK/pid. */
const launch = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >$DESK/pid";
/** One that has ended and that nobody has waited for yet does not run. */
const runs = `runs() { [ -r /proc/$1/stat ] && ! grep -q ") [ZX] " /proc/$1/stat; }`;
const run = (program: string) => execFileSync("sh", ["-c", program], { env: desk.deps.env });

describe("exec", () => {
  const open = (...exec: string[]) => openRestartDriver({ exec }, desk.deps);

  it("runs the hook with its arguments and without Locum's environment", async () => {
    await desk.program("hook", 'echo "$@" >$DESK/said; echo "secret: $LOCUM_SECRET." >>$DESK/said');
    expect(await open("hook", "a b", "$DESK").restart({ gone: false })).toEqual({
      ok: true,
      detail: "restarted",
    });
    expect(await readFile(join(desk.dir, "said"), "utf8")).toBe("a b $DESK\nsecret: .\n");
  });

  it("a hook that fails is told with its last words, and without what they must not hold", async () => {
    await desk.program("hook", 'echo "cannot: password=hunter2 at http://u:p@h/" >&2; exit 7');
    expect(await open("hook").restart({ gone: false })).toEqual({
      ok: false,
      detail: "the restart driver ended with 7: cannot: password=[not told] at http://[not told]@h/",
    });
  });

  it("a hook that is not there does not start", async () => {
    const { ok, detail } = await open("no-such-hook").restart({ gone: false });
    expect(ok).toBe(false);
    expect(detail).toMatch(/did not start: .*ENOENT/);
  });

  it("a server that the hook leaves in the background goes on, and may go on writing", async () => {
    await desk.program(
      "hook",
      "(while :; do echo word || exit; echo more >&2 || exit; sleep 0.02; done) & echo $! >$DESK/pid",
    );
    expect((await open("hook").restart({ gone: false })).ok).toBe(true);
    const log = join(desk.deps.stateDir, "restart.log");
    const before = (await readFile(log, "utf8")).length;
    await expect.poll(async () => (await readFile(log, "utf8")).length).toBeGreaterThan(before + 20);
    expect(await isThere(await pidOf())).toBe(true);
  });

  it("is believed only when the process from before is gone", async () => {
    run(launch);
    const pid = await pidOf();
    await desk.program("hook", `kill -9 $(cat $DESK/pid); ${launch}`);
    expect(await open("hook").restart({ gone: false })).toEqual({
      ok: true,
      detail: `restarted: process ${pid} is gone`,
    });
    expect(await pidOf()).not.toBe(pid);
  });

  it("that ends nobody has restarted nothing", async () => {
    run(launch);
    await desk.program("hook", "exit 0");
    let nowMs = 0;
    const clock = {
      monotonicMs: () => nowMs,
      sleep: async (ms: number) => {
        nowMs += ms;
      },
    };
    const driver = openRestartDriver({ exec: ["hook"] }, { ...desk.deps, clock });
    expect(await driver.restart({ gone: false })).toEqual({
      ok: false,
      detail: `the restart driver ran, and process ${await pidOf()} still is there`,
    });
  });
});

/** What systemctl does to one unit, with a real process as the unit's main one. */
const systemctl = `
${runs}
[ "$1" = --user ] && echo user >>$DESK/calls && shift
[ "$1" = --no-ask-password ] && shift
echo "$1" >>$DESK/calls
pid=$(cat $DESK/pid 2>/dev/null || echo 0)
case $1 in
show)
  [ "$2" = digits.service ] && echo LoadState=loaded || echo LoadState=not-found
  if runs $pid; then echo ActiveState=active; else echo ActiveState=failed; pid=0; fi
  echo Result=success; echo MainPID=$pid; echo InvocationID=$(cat $DESK/invocation) ;;
kill) kill -9 $pid ;;
restart)
  [ -e $DESK/refuses ] && echo "Failed to restart $2: Access denied" >&2 && exit 4
  [ -e $DESK/does-nothing ] && exit 0
  kill $pid
  while runs $pid; do sleep 0.02; done
  echo run-$$ >$DESK/invocation
  ${launch} ;;
esac`;

describe("systemd", () => {
  const open = (clock = desk.deps.clock, user = false, unit = "digits.service") =>
    openRestartDriver({ systemd: unit, user }, { ...desk.deps, clock });
  const calls = async () => (await readFile(join(desk.dir, "calls"), "utf8")).split("\n");
  const fast = () => ({ ...desk.deps.clock, monotonicMs: () => performance.now() * 100 });
  beforeEach(async () => {
    await desk.program("systemctl", systemctl);
    await writeFile(join(desk.dir, "invocation"), "run-0");
    run(launch);
  });

  it("restarts a unit of either manager: another main process is there", async () => {
    const pid = await pidOf();
    expect(await open(undefined, true).restart({ gone: false })).toMatchObject({ ok: true });
    const next = await pidOf();
    expect(next).not.toBe(pid);
    expect(await isThere(pid)).toBe(false);
    expect(await calls()).toEqual(["user", "show", "user", "restart", "user", "show", ""]);
  });

  it("kills what does not end: a unit that is stopped with SIGSTOP", async () => {
    const pid = await pidOf();
    process.kill(pid, "SIGSTOP");
    expect(await open(fast()).restart({ gone: false })).toMatchObject({ ok: true });
    expect(await isThere(pid)).toBe(false);
    expect(await calls()).toContain("kill");
  });

  it("says what systemctl says where it refuses", async () => {
    await writeFile(join(desk.dir, "refuses"), "");
    expect(await open().restart({ gone: false })).toEqual({
      ok: false,
      detail:
        "systemctl restart digits.service ended with 4: Failed to restart digits.service: Access denied",
    });
  });

  it("the same process after it was no restart", async () => {
    await writeFile(join(desk.dir, "does-nothing"), "");
    const { ok, detail } = await open(fast()).restart({ gone: false });
    expect(ok).toBe(false);
    expect(detail).toContain(`digits.service has no new process: active (success), process ${await pidOf()}`);
  });

  it("an unknown unit is not restarted", async () => {
    expect(await open(undefined, false, "other.service").restart({ gone: false })).toEqual({
      ok: false,
      detail: "systemd does not know other.service",
    });
  });
});

const engine = `
${runs}
echo "$@" >>$DESK/calls
pid=$(cat $DESK/pid)
case $1 in
inspect)
  for name; do :; done
  [ "$name" = digits ] || { echo "Error: No such container: $name" >&2; exit 1; }
  runs $pid && echo "true $pid $(cat $DESK/started)" || echo "false 0 $(cat $DESK/started)" ;;
restart)
  [ -e $DESK/does-nothing ] && exit 0
  kill -9 $pid
  ${launch}
  echo "2026-01-01T00:00:00.$$Z" >$DESK/started ;;
esac`;

describe.each(["docker", "podman"] as const)("%s", (name) => {
  const open = (container = "digits", clock = desk.deps.clock) =>
    openRestartDriver({ docker: container, engine: name }, { ...desk.deps, clock });
  beforeEach(async () => {
    await desk.program(name, engine);
    await writeFile(join(desk.dir, "started"), "2026-01-01T00:00:00.1 +0000 UTC\n");
    run(launch);
  });

  it("restarts the container: the engine started it anew", async () => {
    const pid = await pidOf();
    const { ok, detail } = await open().restart({ gone: false });
    expect({ ok, detail }).toMatchObject({
      ok: true,
      detail: expect.stringContaining(`process ${pid} since`),
    });
    expect(await isThere(pid)).toBe(false);
    expect(await readFile(join(desk.dir, "calls"), "utf8")).toContain("restart -t 10 digits");
  });

  it("a container that was not started anew is no restart", async () => {
    await writeFile(join(desk.dir, "does-nothing"), "");
    const clock = { ...desk.deps.clock, monotonicMs: () => performance.now() * 100 };
    const { ok, detail } = await open("digits", clock).restart({ gone: false });
    expect({ ok, detail }).toMatchObject({
      ok: false,
      detail: expect.stringContaining("was not started anew"),
    });
  });

  it("an unknown container is not restarted", async () => {
    expect(await open("other").restart({ gone: false })).toEqual({
      ok: false,
      detail: `other: ${name} inspect ended with 1: Error: No such container: other`,
    });
  });
});

test("a driver whose program is missing says so", async () => {
  const { env } = desk.deps;
  expect(await missingProgram({ exec: ["no-such-hook"] }, env)).toMatch(/no-such-hook is not there/);
  expect(await missingProgram({ docker: "digits", engine: "podman" }, { PATH: desk.dir })).toMatch(/podman/);
  await desk.program("server", "");
  const child = { child: ["./bin/server"], stopMs: 1000 };
  expect(await missingProgram({ ...child, cwd: desk.dir }, env)).toBe(null);
  expect(await missingProgram({ ...child, cwd: "/" }, env)).toMatch(/server/);
});

const hasSystemd = (() => {
  try {
    execFileSync("systemctl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!hasSystemd)(
  "a real systemctl that has no such unit, or no systemd to ask, is told",
  async () => {
    const driver = openRestartDriver({ systemd: "locum-no-such.service", user: false }, desk.deps);
    expect(await driver.restart({ gone: false })).toEqual({
      ok: false,
      detail: "systemd does not know locum-no-such.service",
    });
  },
);
