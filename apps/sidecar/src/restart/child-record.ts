import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "@locum/runtime";
import { z } from "zod";
import { isSameProcess, type ProcessId, processId } from "../adapters/process-id.ts";

const Kept = z.strictObject({ pid: z.number().int().min(2), startedAt: z.string(), boot: z.string() });

export type ChildRecord = {
  /** The child that an earlier sidecar started: alive, or gone with some of its group perhaps left. */
  find(): Promise<{ id: ProcessId; alive: boolean } | null>;
  save(id: ProcessId): Promise<void>;
  /** In the child's environment: it is known by this where the sidecar died before it could write its number down. */
  mark: Record<string, string>;
};

const markName = "LOCUM_CHILD_OF";

/** Who the child is, over restarts of the sidecar: number, start time and boot of the machine, for numbers return. */
export function openChildRecord({
  stateDir,
  pidFile,
}: {
  stateDir: string;
  pidFile: string | undefined;
}): ChildRecord {
  const file = join(stateDir, "child.json");
  return {
    mark: { [markName]: stateDir },
    async find() {
      const kept = await readKept(file);
      if (kept && kept.boot === (await bootId()) && (await isSameProcess(kept)))
        return { id: kept, alive: true };
      const marked = await findMarked(`${markName}=${stateDir}`);
      if (marked) return { id: marked, alive: true };
      return kept && kept.boot === (await bootId()) ? { id: kept, alive: false } : null;
    },
    async save({ pid, startedAt }) {
      await writeFileAtomic(file, JSON.stringify({ pid, startedAt, boot: await bootId() }), { mode: 0o600 });
      if (pidFile !== undefined) await writeFileAtomic(pidFile, `${pid}\n`);
    },
  };
}

async function readKept(file: string): Promise<z.infer<typeof Kept> | null> {
  try {
    return Kept.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    // Damaged or absent: the mark in its environment finds a child all the same.
    return null;
  }
}

const bootId = async (): Promise<string> =>
  (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();

/** The leader of its group that carries the mark; its workers carry it too. Null where there is no /proc. */
async function findMarked(mark: string): Promise<ProcessId | null> {
  const names = await readdir("/proc").catch(() => []);
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(mark)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const group = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2];
    if (group === name) return processId(Number(name));
  }
  return null;
}
