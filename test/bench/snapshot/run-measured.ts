import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";

export type Measured = { seconds: number; cpuSeconds: number; peakMemoryMB: number; stdout: string };

/** How often the process's own highest mark of memory is read: what it grows by in its last moment is missed. */
const lookMs = 5;

/**
 * Runs a program to its end. CPU time is of it and its children, as the shell that started it counts (`times`), memory
 * the highest resident set of the program itself. @throws Error with its stderr where it fails
 */
export async function runMeasured(
  command: readonly string[],
  { cwd, env }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Measured> {
  const startedMs = performance.now();
  const shell = spawn("sh", ["-c", '"$@" 3>&-; code=$?; times >&3; exit $code', "sh", ...command], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    ...(cwd && { cwd }),
    env: { ...process.env, ...env },
  });
  const [stdout, stderr, times] = [shell.stdout, shell.stderr, shell.stdio[3]].map((stream) =>
    text(stream as NodeJS.ReadableStream),
  );
  const ended = once(shell, "exit");
  let [isRunning, peakMemoryMB] = [true, 0];
  const watch = (async () => {
    while (isRunning) {
      peakMemoryMB = Math.max(peakMemoryMB, await highestOf(shell.pid ?? 0));
      await setTimeout(lookMs);
    }
  })();
  const [code] = await ended;
  const seconds = (performance.now() - startedMs) / 1000;
  isRunning = false;
  await watch;
  if (code !== 0) throw new Error(`${command.join(" ").slice(0, 200)}: exit code ${code}\n${await stderr}`);
  return {
    seconds,
    cpuSeconds: childSeconds((await times) ?? ""),
    peakMemoryMB,
    stdout: (await stdout) ?? "",
  };
}

/** The second line of `times` is of the children: user and system, as 0m1.23s. */
function childSeconds(told: string): number {
  const [, children = ""] = told.trim().split("\n");
  return [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  );
}

async function highestOf(shell: number): Promise<number> {
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  const children = (await read(`/proc/${shell}/task/${shell}/children`)).trim().split(" ");
  const marks = await Promise.all(children.filter(Boolean).map((pid) => read(`/proc/${pid}/status`)));
  return Math.max(
    0,
    ...marks.map((status) => (Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1e6) * 1024),
  );
}
