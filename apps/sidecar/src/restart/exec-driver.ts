import { join } from "node:path";
import { isSameProcess, readProcessId } from "../adapters/process-id.ts";
import type { RestartDeps, RestartDriver } from "./restart-driver.ts";
import { programMsMax, runProgram } from "./run-program.ts";
import { untilTrue } from "./until-true.ts";

/** The operator's own hook. Where a pidFile names the model server, a hook that did not end it has not restarted it. */
export function openExecDriver({ exec }: { exec: readonly string[] }, deps: RestartDeps): RestartDriver {
  const { stateDir, pidFile, env, clock } = deps;
  return {
    kind: "exec",
    start: async () => false,
    async restart() {
      const startedMs = clock.monotonicMs();
      const before = await readProcessId(pidFile);
      const ran = await runProgram(exec, { logFile: join(stateDir, "restart.log"), env });
      if (!ran.ok) return { ok: false, detail: `the restart driver ${ran.detail}` };
      if (before === null) return { ok: true, detail: "restarted" };
      const withinMs = programMsMax - (clock.monotonicMs() - startedMs);
      const isGone = async () => !(await isSameProcess(before));
      return (await untilTrue(isGone, { clock, withinMs }))
        ? { ok: true, detail: `restarted: process ${before.pid} is gone` }
        : { ok: false, detail: `the restart driver ran, and process ${before.pid} still is there` };
    },
    isThere: async () => null,
    async close() {},
  };
}
