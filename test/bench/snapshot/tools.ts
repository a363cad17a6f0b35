import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { programOnPath } from "@locum/runtime";
import { type Measured, runMeasured } from "./run-measured.ts";

export type Ran = Measured & { loopMs?: { p99: number; max: number } };

/** A backup tool with a repository of its own in a folder that it may make. */
export type Tool = {
  name: string;
  /** Why it is not here; then nothing of it runs. */
  skipped?: string;
  /** Everything that a repository needs before its first backup; not measured. */
  prepare(repository: string): Promise<void>;
  /** `older` is the version that the repository has already, where there is one. */
  backup(repository: string, folder: string, older?: string): Promise<Ran>;
  /** Gives where the folder's files are then, below `target`, which is empty. */
  restore(repository: string, target: string, folder: string): Promise<Ran & { restored: string }>;
};

/** `withBase` stores differences against the older version, which a sidecar has beside it. */
const locum = (name: string, { child, withBase }: { child: string; withBase: boolean }): Tool => {
  const run = async (...args: string[]): Promise<Ran & { path?: string }> => {
    const ran = await runMeasured([process.execPath, ...nodeFlags, child, ...args]);
    // Without the start of the process, which a sidecar has behind it; CPU and memory are with it.
    return { ...ran, ...JSON.parse(ran.stdout) };
  };
  return {
    name,
    prepare: async () => {},
    backup: (repository, folder, older) =>
      run("backup", repository, folder, ...(withBase && older !== undefined ? [older] : [])),
    async restore(repository, target) {
      const to = join(target, "restored");
      return { ...(await run("restore", repository, to)), restored: to };
    },
  };
};

/** As the launcher of the image starts the sidecar. */
const nodeFlags = ["--max-semi-space-size=1"];

const restic: Tool = {
  name: "restic",
  prepare: async (repository) =>
    void (await runMeasured(["restic", "init", "-q", "-r", repository], resticEnv)),
  backup: (repository, folder) =>
    runMeasured(["restic", "-r", repository, "backup", "-q", "--compression", "auto", folder], resticEnv),
  async restore(repository, target, folder) {
    const command = ["restic", "-r", repository, "restore", "latest", "-q", "--target", target];
    return { ...(await runMeasured(command, resticEnv)), restored: join(target, folder) };
  },
};
const resticEnv = { env: { RESTIC_PASSWORD: "bench", RESTIC_CACHE_DIR: "/dev/shm/locum-bench-cache" } };

function borg(name: string, compression: string): Tool {
  const env = {
    BORG_PASSPHRASE: "bench",
    BORG_BASE_DIR: "/dev/shm/locum-bench-cache",
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
  };
  let backups = 0;
  return {
    name,
    prepare: async (repository) =>
      void (await runMeasured(["borg", "init", "-e", "repokey-blake2", repository], { env })),
    backup: (repository, folder) =>
      runMeasured(["borg", "create", "-C", compression, `${repository}::${++backups}`, folder], { env }),
    async restore(repository, target, folder) {
      const command = ["borg", "extract", `${repository}::${backups}`];
      return { ...(await runMeasured(command, { env, cwd: target })), restored: join(target, folder) };
    },
  };
}

/** Copies, encrypts nothing, keeps one version: the floor, not a rival. */
const rsync: Tool = {
  name: "rsync",
  prepare: async (repository) => void (await mkdir(repository, { recursive: true })),
  backup: (repository, folder) =>
    runMeasured(["rsync", "-a", "--fsync", "--inplace", "--no-whole-file", `${folder}/`, repository]),
  restore: async (repository, target) => ({
    ...(await runMeasured(["rsync", "-a", "--fsync", `${repository}/`, `${target}/restored`])),
    restored: join(target, "restored"),
  }),
};

/** Locum first, as the program at `child`; of the others those that are on the PATH. */
export async function toolsHere(child: string): Promise<Tool[]> {
  const needed = async (tool: Tool, program: string): Promise<Tool> =>
    (await programOnPath(program)) === null ? { ...tool, skipped: `${program} is not on the PATH` } : tool;
  return Promise.all([
    locum("locum", { child, withBase: false }),
    locum("locum, differences", { child, withBase: true }),
    needed(restic, "restic"),
    needed(borg("borg lz4", "lz4"), "borg"),
    needed(borg("borg zstd,3", "zstd,3"), "borg"),
    needed(rsync, "rsync"),
  ]);
}

export const removeCaches = (): Promise<void> =>
  rm("/dev/shm/locum-bench-cache", { recursive: true, force: true });
