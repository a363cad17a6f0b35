import { spawn } from "node:child_process";
import { constants, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { lastWords } from "./last-words.ts";
import { programEnv } from "./program-env.ts";

/** `late`: it was ended because its time was over. */
export type Ran = { ok: boolean; late: boolean; detail: string; stdout: string };

export const programMsMax = 60_000;
const stdoutMax = 65_536;

/**
 * Runs one program to its end, without a shell, so that nothing in the configuration is ever parsed as one. When its
 * time is over its whole process group is killed. Never throws.
 *
 * What it writes goes to a file and not into a pipe: a server that a hook leaves in the background inherits it, and
 * would die of a broken pipe at its first word after that.
 */
export async function runProgram(
  [program = "", ...args]: readonly string[],
  {
    logFile,
    env,
    timeoutMs = programMsMax,
    keepsOutput = false,
  }: {
    logFile: string;
    env: NodeJS.ProcessEnv;
    timeoutMs?: number;
    /** Standard output is the answer. Only for programs that leave nobody behind. */
    keepsOutput?: boolean;
  },
): Promise<Ran> {
  try {
    await mkdir(dirname(logFile), { recursive: true });
    const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY } = constants;
    await using words = await open(logFile, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600);
    const { end, late, stdout } = await runTo(words.fd);
    if (end === "ended with 0") return { ok: true, late, detail: "ran", stdout };
    const said = await lastWords(logFile);
    return { ok: false, late, detail: said === "" ? end : `${end}: ${said}`, stdout };
  } catch (error) {
    return { ok: false, late: false, detail: `did not start: ${(error as Error).message}`, stdout: "" };
  }

  function runTo(words: number): Promise<{ end: string; late: boolean; stdout: string }> {
    return new Promise((resolve) => {
      const child = spawn(program, args, {
        shell: false,
        detached: true,
        stdio: ["ignore", keepsOutput ? "pipe" : words, words],
        env: programEnv(env),
      });
      let stdout = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        stdout = `${stdout}${text}`.slice(0, stdoutMax);
      });
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        if (child.pid !== undefined) endGroup(child.pid);
        child.stdout?.destroy();
      }, timeoutMs);
      child.once("error", (error) => {
        clearTimeout(timer);
        resolve({ end: `did not start: ${error.message}`, late, stdout });
      });
      child.once(keepsOutput ? "close" : "exit", (code, signal) => {
        clearTimeout(timer);
        const end = late ? `did not end within ${timeoutMs / 1000} s` : `ended with ${code ?? signal}`;
        resolve({ end, late, stdout });
      });
    });
  }
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It ended by itself just now.
  }
}
