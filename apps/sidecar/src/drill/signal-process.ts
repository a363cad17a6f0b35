import { Fault } from "@locum/contracts";
import type { ActContext } from "../acts/act-context.ts";
import { isSameProcess, readProcessId } from "../adapters/process-id.ts";
import type { DrillFault } from "./drills.ts";

/** Ends the model server. Nothing is undone: its supervisor, or the restart driver, brings it back. */
export const killProcess: DrillFault = {
  plan,
  begin: (_context, found) => signal(found, "SIGKILL"),
  undo: async () => {},
};

/** Freezes the model server: its port still accepts, nobody answers. */
export const stopProcess: DrillFault = {
  plan,
  begin: (_context, found) => signal(found, "SIGSTOP"),
  async undo({ pid = "", startedAt = "" }) {
    // Another process may have the number by now: that one was never stopped.
    if (await isSameProcess({ pid: Number(pid), startedAt })) process.kill(Number(pid), "SIGCONT");
  },
};

async function plan({ config }: ActContext): Promise<Record<string, string>> {
  const found = await readProcessId(config.instance.pidFile);
  if (!found)
    throw new Fault("refused", "the process of this instance is not known", {
      hint: "Name its pidFile in the service file.",
    });
  return { pid: String(found.pid), startedAt: found.startedAt };
}

async function signal({ pid = "", startedAt = "" }: Record<string, string>, name: NodeJS.Signals) {
  if (!(await isSameProcess({ pid: Number(pid), startedAt })))
    throw new Fault("conflict", `process ${pid} is gone`);
  process.kill(Number(pid), name);
  return { detail: `${name} to process ${pid}` };
}
