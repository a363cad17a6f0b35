import { spawn } from "node:child_process";
import { Fault } from "@locum/contracts";

const textBytesMax = 1 << 20;
const lastWords = 500;

/**
 * Runs a program to its end, without a shell and with no more of this process's environment than PATH: what a driver
 * gives a child it names. Killed at once when the signal aborts.
 * @returns what it printed, at most 1 MiB
 * @throws Fault upstream-unreachable: it is not there · upstream-refused: it failed · upstream-timeout
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { env = {}, signal }: { env?: Record<string, string | undefined>; signal: AbortSignal },
): Promise<string> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, LC_ALL: "C", ...given },
      signal,
      killSignal: "SIGKILL",
    });
    let [out, err] = ["", ""];
    child.stdout.on("data", (part: Buffer) => {
      if (out.length < textBytesMax) out += part.toString("utf8").slice(0, textBytesMax - out.length);
    });
    child.stderr.on("data", (part: Buffer) => {
      err = (err + part.toString("utf8")).slice(-lastWords);
    });
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
      // A program that never started has no end to wait for.
      if (child.pid === undefined) reject(faultOf(error));
    });
    child.on("close", (code, killed) => {
      if (code === 0) resolve(out);
      else
        reject(
          failure
            ? faultOf(failure)
            : new Fault("upstream-refused", `${program} ended with ${code ?? killed}: ${err.trim()}`),
        );
    });
  });

  function faultOf(error: Error): Fault {
    if (error.name === "AbortError" || signal.aborted)
      return new Fault("upstream-timeout", `${program} did not end in time`, { cause: error });
    return new Fault("upstream-unreachable", `${program} does not start: ${error.message}`, {
      hint: "Install the program, or name it by its full path in the service file.",
      cause: error,
    });
  }
}
