import { join } from "node:path";
import { isSameProcess, type ProcessId, processId } from "../adapters/process-id.ts";
import type { RestartDeps, RestartDriver, Restarted } from "./restart-driver.ts";
import { programMsMax, type Ran, runProgram } from "./run-program.ts";
import { untilTrue } from "./until-true.ts";

type Unit = { state: string; result: string; main: ProcessId; invocation: string };

/** systemd itself waits for 90 s before it kills: a server that hangs is down for all of that time. */
const stopMsMax = 20_000;
const showMsMax = 10_000;

/** A unit of systemd, or of the user's own manager. New is what has another main process, or another invocation. */
export function openSystemdDriver(
  { systemd: unit, user }: { systemd: string; user: boolean },
  { stateDir, env, clock }: RestartDeps,
): RestartDriver {
  const systemctl = (args: readonly string[], log: string, timeoutMs: number): Promise<Ran> =>
    runProgram(["systemctl", ...(user ? ["--user"] : []), "--no-ask-password", ...args], {
      logFile: join(stateDir, log),
      env,
      timeoutMs,
      keepsOutput: true,
    });
  const show = async (): Promise<Unit | null> => {
    const asked = ["show", unit, "--property=LoadState,ActiveState,Result,MainPID,InvocationID"];
    const { ok, stdout } = await systemctl(asked, "restart-show.log", showMsMax);
    return ok ? unitOf(stdout) : null;
  };
  const killIfStuck = async (main: ProcessId, done: () => boolean): Promise<void> => {
    await untilTrue(async () => done(), { clock, withinMs: stopMsMax });
    if (!done() && (await isSameProcess(main)))
      await systemctl(["kill", "--signal=SIGKILL", unit], "restart-kill.log", showMsMax);
  };

  async function restart(): Promise<Restarted> {
    const startedMs = clock.monotonicMs();
    const before = await show();
    if (!before) return { ok: false, detail: `systemd does not know ${unit}` };
    let ended = false;
    const [ran] = await Promise.all([
      systemctl(["restart", unit], "restart.log", programMsMax).finally(() => {
        ended = true;
      }),
      killIfStuck(before.main, () => ended),
    ]);
    if (!ran.ok && !ran.late) return { ok: false, detail: `systemctl restart ${unit} ${ran.detail}` };
    let now: Unit | null = null;
    const isOther = async () => {
      now = await show();
      return now !== null && (await isNew(before, now));
    };
    // One that is slow to say that it is ready is there all the same: whether it serves is asked afterwards.
    const withinMs = Math.max(0, programMsMax - (clock.monotonicMs() - startedMs));
    if (await untilTrue(isOther, { clock, withinMs, everyMs: 200 }))
      return {
        ok: true,
        detail: `${unit} restarted: process ${pidOf(before)} is gone, ${pidOf(now)} is there`,
      };
    return { ok: false, detail: `${unit} has no new process: ${describe(now)}; before: ${describe(before)}` };
  }

  return {
    kind: "systemd",
    start: async () => false,
    restart,
    isThere: async () => null,
    async close() {},
  };
}

async function unitOf(text: string): Promise<Unit | null> {
  const fields = new Map(
    text.split("\n").map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, Math.max(0, at)), line.slice(at + 1).trim()];
    }),
  );
  if (fields.get("LoadState") !== "loaded") return null;
  const pid = Number(fields.get("MainPID") ?? 0);
  return {
    state: fields.get("ActiveState") ?? "",
    result: fields.get("Result") ?? "",
    main: pid > 1 ? await processId(pid) : { pid: 0, startedAt: "" },
    invocation: fields.get("InvocationID") ?? "",
  };
}

/** A process id is used again: the start time, or systemd's own number of the run, tells the new one from the old. */
async function isNew(before: Unit, now: Unit): Promise<boolean> {
  if (!["active", "activating", "reloading"].includes(now.state)) return false;
  if (before.main.pid > 1 && (await isSameProcess(before.main))) return false;
  const otherProcess = now.main.pid !== before.main.pid || now.main.startedAt !== before.main.startedAt;
  return (
    (otherProcess && now.main.pid > 1) || (now.invocation !== "" && now.invocation !== before.invocation)
  );
}

const pidOf = (unit: Unit | null): string => String(unit?.main.pid ?? 0);
const describe = (unit: Unit | null): string =>
  unit ? `${unit.state} (${unit.result}), process ${unit.main.pid}` : "systemctl show fails";
