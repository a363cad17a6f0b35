import { rm } from "node:fs/promises";
import { join } from "node:path";
import { peers } from "./peers.ts";
import { type Measured, runMeasured } from "./run-measured.ts";

export type Ran = Measured & {
  loopMs?: { p99: number; max: number };
  /** Chunks that the repository has more than before. */
  newChunks?: number;
};

/** A backup tool with a repository of its own in a folder that it may make. */
export type Tool = {
  name: string;
  /** How it is called, and what that leaves out: printed, since a figure without it says little. */
  configuration: string;
  version: string;
  /** Why it is not here; then nothing of it runs. */
  skipped?: string;
  /** Keeps older versions; without, a version after the first is not asked of it. */
  keepsVersions: boolean;
  /** Stores the first version as another tool here does: only later ones are of interest. */
  isLikeFirst?: string;
  /** Everything that a repository needs before its first backup; not measured. */
  prepare(repository: string): Promise<void>;
  /** `older` is the version that the repository got last, where there is one. */
  backup(repository: string, folder: string, older?: string): Promise<Ran>;
  /** Gives where the folder's files are then, below `target`, which is empty. */
  restore(repository: string, target: string, folder: string): Promise<Ran & { restored: string }>;
};

/** As the launcher of the image starts the sidecar. */
const nodeFlags = ["--max-semi-space-size=1"];

const encrypts = "AES-256-GCM, one recipient, every pack decoded before it counts, no parity";

function locum(name: string, { child, withBase }: { child: string; withBase: boolean }): Tool {
  const run = async (...args: string[]): Promise<Ran & { path?: string }> => {
    const ran = await runMeasured([process.execPath, ...nodeFlags, child, ...args]);
    // Without the start of the process, which a sidecar has behind it; CPU and memory are with it.
    return { ...ran, ...JSON.parse(ran.stdout) };
  };
  return {
    name,
    version: "of this tree",
    configuration: encrypts,
    keepsVersions: true,
    prepare: async () => {},
    backup: (repository, folder, older) =>
      run("backup", repository, folder, ...(withBase && older !== undefined ? [older] : [])),
    async restore(repository, target) {
      const to = join(target, "restored");
      return { ...(await run("restore", repository, to)), restored: to };
    },
  };
}

/** Locum first, as the program at `child`; then every peer, with why those that are not on the PATH are left out. */
export async function toolsHere(child: string): Promise<Tool[]> {
  const differences = locum("locum, differences", { child, withBase: true });
  return [
    locum("locum", { child, withBase: false }),
    {
      ...differences,
      isLikeFirst: "locum",
      configuration: "the same, and XOR against the version before, which lies beside it",
    },
    ...(await peers()),
  ];
}

export const removeCaches = (): Promise<void> =>
  rm("/dev/shm/locum-bench-cache", { recursive: true, force: true });
