import { readdir, readFile } from "node:fs/promises";

/** CPU time of all threads of a process until now, in microseconds (Linux: proc(5), task/TID/schedstat). */
export async function cpuOf(pid: number): Promise<number> {
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
