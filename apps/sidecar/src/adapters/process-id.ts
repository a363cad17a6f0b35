import { readdir, readFile } from "node:fs/promises";

export type ProcessId = { pid: number; startedAt: string };

/** The model server's process, where its id is known. `startedAt` tells it from a later one with the same number. */
export async function readProcessId(file: string | undefined): Promise<ProcessId | null> {
  if (file === undefined) return null;
  const text = await readFile(file, "utf8").catch(() => "");
  const pid = Number(/^\s*(\d{1,10})\s*$/.exec(text)?.[1]);
  // 0 and 1 would signal a whole group, or init.
  return pid > 1 ? processId(pid) : null;
}

export const processId = async (pid: number): Promise<ProcessId> => ({
  pid,
  startedAt: (await statOf(pid))?.startedAt ?? "",
});

export const isSameProcess = async ({ pid, startedAt }: ProcessId): Promise<boolean> =>
  (await isThere(pid)) && ((await statOf(pid))?.startedAt ?? "") === startedAt;

/** One that has ended and that nobody waited for still has its number: it is gone all the same. */
export async function isThere(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const stat = await statOf(pid);
  return stat === null ? process.platform !== "linux" : !isEnded(stat);
}

/** Whether anybody of a process group still runs. */
export async function isGroupThere(group: number): Promise<boolean> {
  try {
    process.kill(-group, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  if (process.platform !== "linux") return true;
  const names = await readdir("/proc").catch(() => []);
  for (const name of names) {
    const stat = /^\d+$/.test(name) ? await statOf(Number(name)) : null;
    if (stat?.group === group && !isEnded(stat)) return true;
  }
  return false;
}

type Stat = { state: string; group: number; startedAt: string };

const isEnded = ({ state }: Stat): boolean => state === "Z" || state === "X";

/**
 * Fields 3, 5 and 22 of /proc/PID/stat (proc(5)): state, process group, and start in clock ticks since the machine
 * started. Null where the process is gone, or where there is no /proc.
 */
async function statOf(pid: number): Promise<Stat | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name in parentheses may hold anything, blanks and parentheses too.
  const [state = "", , group = "", ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return stat === "" ? null : { state, group: Number(group), startedAt: rest[16] ?? "" };
}
