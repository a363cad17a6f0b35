import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ChildJob } from "./locum-child.ts";
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
  /** Without, it takes every set. */
  takes?(set: string): boolean;
  /** Everything that a repository needs before its first backup; not measured. */
  prepare(repository: string): Promise<void>;
  /** `older` is the version that the repository got last, where there is one. */
  backup(repository: string, folder: string, older?: string): Promise<Ran>;
  /** Gives where the folder's files are then, below `target`, which is empty. */
  restore(repository: string, target: string, folder: string): Promise<Ran & { restored: string }>;
};

/** As the launcher of the image starts the sidecar. */
const nodeFlags = ["--max-semi-space-size=1"];

/** Runs the child at `program` on a job. Without the start of its process; CPU and memory are with it. */
export async function runChild<T>(program: string, job: ChildJob): Promise<Ran & T> {
  const ran = await runMeasured([process.execPath, ...nodeFlags, program, JSON.stringify(job)]);
  return { ...ran, ...JSON.parse(ran.stdout) };
}

function locum(
  child: string,
  {
    withBase = false,
    parity = false,
    digest = "sha256",
  }: { withBase?: boolean; parity?: boolean; digest?: "sha256" | "blake3" } = {},
): Omit<Tool, "name" | "configuration"> {
  return {
    version: "of this tree",
    keepsVersions: true,
    prepare: async () => {},
    backup: (repository, folder, older) =>
      runChild(child, {
        act: "backup",
        repository,
        folder,
        parity,
        digest,
        ...(withBase && older !== undefined && { older }),
      }),
    async restore(repository, target) {
      const folder = join(target, "restored");
      return { ...(await runChild(child, { act: "restore", repository, folder })), restored: folder };
    },
  };
}

/** Locum first, as the program at `child`; then every peer, with why those that are not on the PATH are left out. */
export async function toolsHere(child: string): Promise<Tool[]> {
  return [
    {
      ...locum(child),
      name: "locum",
      configuration:
        "AES-256-GCM, one recipient, every pack decoded before it counts, no parity, as no other has",
    },
    {
      ...locum(child, { withBase: true }),
      name: "locum, differences",
      isLikeFirst: "locum",
      configuration: "the same, and new chunks against the version before, which lies beside it",
    },
    {
      ...locum(child, { parity: true }),
      name: "locum, parity",
      takes: (set) => set === "bf16",
      configuration: "the same without differences, and a parity block for every 16: the default",
    },
    {
      ...locum(child, { digest: "blake3" }),
      name: "locum, BLAKE3",
      takes: (set) => set === "bf16",
      configuration: "the same without parity, and each file's digest in the manifest is BLAKE3, not SHA-256",
    },
    ...(await peers()),
  ];
}

export const removeCaches = (): Promise<void> =>
  rm("/dev/shm/locum-bench-cache", { recursive: true, force: true });
