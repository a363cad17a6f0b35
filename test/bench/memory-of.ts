import { readFile } from "node:fs/promises";

export type Memory = { rssMb: number; anonymousMb: number };

/** Resident and anonymous memory as Linux counts them (proc(5), smaps_rollup), in units of 1024 x 1024 bytes. */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const megabytes = (name: string) =>
    Math.round(Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1]) / 102.4) / 10;
  return { rssMb: megabytes("Rss"), anonymousMb: megabytes("Anonymous") };
}
