import { join } from "node:path";
import type { RestartDeps, RestartDriver, Restarted } from "./restart-driver.ts";
import { programMsMax, type Ran, runProgram } from "./run-program.ts";
import { untilTrue } from "./until-true.ts";

type Container = { running: boolean; pid: string; startedAt: string };

/** From SIGTERM to SIGKILL, kept by the engine: a frozen process takes all of it. */
const stopSeconds = 10;
const inspectMsMax = 10_000;

/** A container of docker or podman. New is what the engine started at another time and says is running. */
export function openDockerDriver(
  { docker: name, engine }: { docker: string; engine: "docker" | "podman" },
  { stateDir, env, clock }: RestartDeps,
): RestartDriver {
  const run = (args: readonly string[], log: string, timeoutMs: number): Promise<Ran> =>
    runProgram([engine, ...args], { logFile: join(stateDir, log), env, timeoutMs, keepsOutput: true });
  const inspect = async (): Promise<Container | string> => {
    const format = "{{.State.Running}} {{.State.Pid}} {{.State.StartedAt}}";
    const asked = ["inspect", "--type", "container", "--format", format, name];
    const { ok, stdout, detail } = await run(asked, "restart-inspect.log", inspectMsMax);
    const [, running, pid, startedAt] = /^(true|false) (\d+) (\S.*)$/.exec(stdout.trim()) ?? [];
    if (!ok) return `${engine} inspect ${detail}`;
    return pid !== undefined && startedAt !== undefined
      ? { running: running === "true", pid, startedAt }
      : `${engine} inspect gave no state`;
  };

  async function restart(): Promise<Restarted> {
    const startedMs = clock.monotonicMs();
    const before = await inspect();
    if (typeof before === "string") return { ok: false, detail: `${name}: ${before}` };
    const ran = await run(["restart", "-t", String(stopSeconds), name], "restart.log", programMsMax);
    if (!ran.ok && !ran.late) return { ok: false, detail: `${engine} restart ${name} ${ran.detail}` };
    let now: Container | string = before;
    const isOther = async () => {
      now = await inspect();
      return typeof now !== "string" && now.running && now.startedAt !== before.startedAt;
    };
    const withinMs = Math.max(0, programMsMax - (clock.monotonicMs() - startedMs));
    return (await untilTrue(isOther, { clock, withinMs, everyMs: 200 }))
      ? { ok: true, detail: `${name} restarted: ${describe(before)} is gone, ${describe(now)} is there` }
      : { ok: false, detail: `${name} was not started anew: ${describe(now)}` };
  }

  return { kind: engine, start: async () => false, restart, isThere: async () => null, async close() {} };
}

function describe(container: Container | string): string {
  if (typeof container === "string") return container;
  const { running, pid, startedAt } = container;
  return running ? `process ${pid} since ${startedAt}` : `stopped, last started ${startedAt}`;
}
