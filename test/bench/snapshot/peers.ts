import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { programOnPath } from "@locum/runtime";
import { runMeasured } from "./run-measured.ts";
import type { Tool } from "./tools.ts";

/** The others, in what they are best known by. Each is found on the PATH or left out with a word. */
export const peers = (): Promise<Tool[]> =>
  Promise.all([
    found(restic, ["restic", "version"]),
    found(borg("borg lz4", "lz4"), ["borg", "--version"]),
    found(borg("borg zstd,3", "zstd,3"), ["borg", "--version"]),
    found(rsync, ["rsync", "--version"]),
    found(zipnn, ["python3", "-c", "import importlib.metadata as m; print('zipnn', m.version('zipnn'))"]),
  ]);

async function found(tool: Tool, [program = "", ...args]: string[]): Promise<Tool> {
  if ((await programOnPath(program)) === null) return { ...tool, skipped: `${program} is not on the PATH` };
  try {
    const { stdout } = await runMeasured([program, ...args]);
    const [first = ""] = stdout.split("\n");
    return {
      ...tool,
      version: first
        .replace(/\s+/g, " ")
        .replace(/ compiled.*| protocol.*/, "")
        .trim(),
    };
  } catch {
    return { ...tool, skipped: `${tool.name} is not found by the ${program} on the PATH` };
  }
}

const cacheDir = "/dev/shm/locum-bench-cache";
const resticEnv = { env: { RESTIC_PASSWORD: "bench", RESTIC_CACHE_DIR: cacheDir } };

const restic: Tool = {
  name: "restic",
  version: "",
  configuration: "--compression auto, its own encryption, verifies what it compressed",
  keepsVersions: true,
  prepare: async (repository) =>
    void (await runMeasured(["restic", "init", "-q", "-r", repository], resticEnv)),
  backup: (repository, folder) =>
    runMeasured(["restic", "-r", repository, "backup", "-q", "--compression", "auto", folder], resticEnv),
  async restore(repository, target, folder) {
    const command = ["restic", "-r", repository, "restore", "latest", "-q", "--target", target];
    return { ...(await runMeasured(command, resticEnv)), restored: join(target, folder) };
  },
};

function borg(name: string, compression: string): Tool {
  const env = {
    BORG_PASSPHRASE: "bench",
    BORG_BASE_DIR: cacheDir,
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
    BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
  };
  let backups = 0;
  return {
    name,
    version: "",
    configuration: `-e repokey-blake2 -C ${compression}, verifies nothing that it wrote`,
    keepsVersions: true,
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

/** A folder a version, with hard links for files that did not change: the floor, not a rival. */
const rsync: Tool = (() => {
  let backups = 0;
  const place = (repository: string): string => join(repository, String(backups));
  return {
    name: "rsync",
    version: "",
    configuration: "-a --fsync --link-dest, a folder a version, neither encrypted nor verified",
    keepsVersions: true,
    prepare: async (repository) => void (await mkdir(repository, { recursive: true })),
    backup(repository, folder, older) {
      const link = older === undefined ? [] : [`--link-dest=${place(repository)}`];
      backups++;
      // By checksum: files of a bench have the same size and second.
      return runMeasured(["rsync", "-a", "-c", "--fsync", ...link, `${folder}/`, `${place(repository)}/`]);
    },
    restore: async (repository, target) => ({
      ...(await runMeasured(["rsync", "-a", "--fsync", `${place(repository)}/`, `${target}/restored`])),
      restored: join(target, "restored"),
    }),
  };
})();

const zipnnScript = fileURLToPath(new URL("./zipnn-peer.py", import.meta.url));

/** The reference for compression alone. */
const zipnn: Tool = {
  name: "zipnn",
  version: "",
  configuration: "threads of all cores, whole files: no chunks, no encryption, no versions",
  keepsVersions: false,
  // What it has no kernel for it would only copy; a folder of the caller's own may hold anything.
  takes: (set) => /\b(bf16|fp16|fp32|full)$/.test(set),
  prepare: async (repository) => void (await mkdir(repository, { recursive: true })),
  async backup(repository, folder) {
    const ran = await runMeasured(["python3", "-W", "ignore", zipnnScript, "compress", folder, repository]);
    return { ...ran, ...JSON.parse(ran.stdout) };
  },
  async restore(repository, target) {
    const restored = join(target, "restored");
    const ran = await runMeasured([
      "python3",
      "-W",
      "ignore",
      zipnnScript,
      "decompress",
      repository,
      restored,
    ]);
    return { ...ran, ...JSON.parse(ran.stdout), restored };
  },
};
