import { spawn } from "node:child_process";
import { type ProcessId, processId } from "../adapters/process-id.ts";
import { programEnv } from "./program-env.ts";
import { openLog } from "./short-log.ts";

export type Spawned = {
  id: ProcessId;
  /** How it ended, once it has. */
  ended: () => string;
};

/** Starts the model server so that it outlives this process: own session and group, its words in a file. Never throws. */
export async function spawnChild({
  argv: [program = "", ...args],
  cwd,
  env,
  mark,
  logFile,
}: {
  argv: readonly string[];
  cwd: string | undefined;
  env: NodeJS.ProcessEnv;
  mark: Record<string, string>;
  logFile: string;
}): Promise<Spawned | { problem: string }> {
  try {
    await using words = await openLog(logFile);
    const child = spawn(program, args, {
      shell: false,
      detached: true,
      cwd,
      stdio: ["ignore", words.fd, words.fd],
      env: { ...programEnv(env), ...mark },
    });
    let how = "ended";
    child.once("exit", (code, signal) => {
      how = `ended with ${code ?? signal}`;
    });
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    child.unref();
    const id = await processId(child.pid ?? 0);
    return { id, ended: () => how };
  } catch (error) {
    return { problem: `${program} does not start: ${(error as Error).message}` };
  }
}
