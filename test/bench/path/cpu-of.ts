import { readdir, readFile } from "node:fs/promises";

/** CPU time of processes until now, in microseconds. */
export async function cpuOf(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(pids.map(cpuOfProcess));
  return times.reduce((sum, time) => sum + time, 0);
}

/** Of all its threads (Linux: proc(5), task/TID/schedstat). */
async function cpuOfProcess(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`).catch(() => []);
  const times = await Promise.all(
    tasks.map((task) =>
      readFile(`/proc/${pid}/task/${task}/schedstat`, "utf8").then(
        (text) => Number(text.split(" ")[0]) / 1000,
        () => 0,
      ),
    ),
  );
  return times.reduce((sum, time) => sum + time, 0);
}
