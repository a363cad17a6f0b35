import { readFile } from "node:fs/promises";

export type ProcessId = { pid: number; startedAt: string };

/** The model server's process, where its id is known. `startedAt` tells it from a later one with the same number. */
export async function readProcessId(file: string | undefined): Promise<ProcessId | null> {
  if (file === undefined) return null;
  const text = await readFile(file, "utf8").catch(() => "");
  const pid = Number(/^\s*(\d{1,10})\s*$/.exec(text)?.[1]);
  // 0 and 1 would signal a whole group, or init.
  return pid > 1 ? { pid, startedAt: await startOf(pid) } : null;
}

export const isSameProcess = async ({ pid, startedAt }: ProcessId): Promise<boolean> =>
  isThere(pid) && (await startOf(pid)) === startedAt;

export function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Field 22 of /proc/PID/stat (proc(5)), in clock ticks since the machine started; empty elsewhere. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
