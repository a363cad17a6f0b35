import { resolve } from "node:path";
import type { AuditEvent } from "@locum/contracts";
import type { SidecarConfig } from "../config.ts";
import { missingProgram, openRestartDriver, type RestartDeps, type RestartDriver } from "./restart-driver.ts";

type OwnDeps = Pick<RestartDeps, "env" | "clock" | "log"> & {
  config: SidecarConfig;
  record: (fact: Pick<AuditEvent, "kind" | "reason" | "facts">) => Promise<boolean>;
};

/** The driver of this sidecar's instance, whose own doings are recorded; it warns at the start of what it lacks. */
export function openOwnDriver({ config, env, clock, log, record }: OwnDeps): RestartDriver | null {
  const { restart, pidFile } = config.instance;
  if (!restart) return null;
  const driver = openRestartDriver(restart, {
    stateDir: resolve(config.stateDir),
    pidFile,
    env,
    clock,
    log,
    onOwnRestart: (reason, result) =>
      void record({
        kind: result === null ? "restart.intent" : "restart.result",
        reason: result === null ? reason : `${reason}: ${result.detail}`.slice(0, 1000),
        facts: { byItself: true, ...(result === null ? {} : { outcome: result.ok ? "done" : "failed" }) },
      }),
  });
  return {
    ...driver,
    async start() {
      const missing = await missingProgram(restart, env);
      if (missing !== null) log("warn", "the restart driver cannot work", { reason: missing });
      return driver.start();
    },
  };
}
