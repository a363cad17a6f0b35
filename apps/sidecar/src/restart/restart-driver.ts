import { type Restart, restartProgram } from "@locum/contracts";
import { type Log, programOnPath } from "@locum/runtime";
import { openChildDriver } from "./child-driver.ts";
import { openDockerDriver } from "./docker-driver.ts";
import { openExecDriver } from "./exec-driver.ts";
import { openSystemdDriver } from "./systemd-driver.ts";

export type Restarted = { ok: boolean; detail: string };

/**
 * Makes one model server start anew. `restart` resolves when the process from before is proven gone and, where the
 * driver can see it, another one is there; whether that one serves is asked by the caller. It never throws, takes 60 s
 * at most (a child that is slow to end: `stopMs` more), and its detail holds nothing that a person must not read. One
 * restart at a time: the caller sees to it.
 */
export type RestartDriver = {
  kind: "exec" | "systemd" | "docker" | "podman" | "child";
  /** Begins to watch, where there is something to watch. True where it has started the model server just now. */
  start(): Promise<boolean>;
  /**
   * `gone`: asked because the process is not there. One that was started again meanwhile is left alone, where the driver
   * can tell: a second restart would only throw away what it has loaded by now.
   */
  restart(why: { gone: boolean }): Promise<Restarted>;
  /** Null where the driver cannot see the process. */
  isThere(): Promise<boolean | null>;
  /** Ends the watching, and never the model server. */
  close(): Promise<void>;
};

export type RestartDeps = {
  /** Logs of what it starts, and who that was. */
  stateDir: string;
  /** Where the model server's own process id is found, if it is told. A driver that starts it itself writes it there. */
  pidFile: string | undefined;
  env: NodeJS.ProcessEnv;
  clock: { monotonicMs(): number; sleep(ms: number): Promise<void> };
  log: Log;
  /** What it did by itself, for the audit: a child that died and was started again. */
  onOwnRestart: (reason: string, result: Restarted | null) => void;
};

export function openRestartDriver(config: Restart, deps: RestartDeps): RestartDriver {
  if ("exec" in config) return openExecDriver(config, deps);
  if ("systemd" in config) return openSystemdDriver(config, deps);
  if ("docker" in config) return openDockerDriver(config, deps);
  return openChildDriver(config, deps);
}

/** Why a driver could not do its work when it is needed; null where its program is there. */
export async function missingProgram(config: Restart, env: NodeJS.ProcessEnv): Promise<string | null> {
  const program = restartProgram(config);
  const where = { path: env.PATH ?? "", ...("child" in config && config.cwd ? { cwd: config.cwd } : {}) };
  return (await programOnPath(program, where)) === null
    ? `the restart driver's program ${program} is not there or cannot be started`
    : null;
}
