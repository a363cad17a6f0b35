import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Mount = { source: string; target: string; readOnly?: boolean };
export type RunningImage = {
  /** As the host counts it. */
  pid: number;
  /** The first line that it said, which it says when it listens. */
  line: Record<string, string>;
  readyMs: number;
  stderr(): string;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
};

type Descriptor = { digest: string };
export type ImageConfig = { User: string; Env: string[]; Entrypoint: string[]; WorkingDir: string };

type Bundle = {
  /** Where the image was unpacked. */
  dir: string;
  image: ImageConfig;
  args: readonly string[];
  mounts: readonly Mount[];
};

/** Null where images can be run here, else why not. */
export function runcMissing(): string | null {
  if (spawnSync("runc", ["--version"]).error) return "runc is not installed";
  if (process.getuid?.() !== 0) return "runc is started by root only here";
  return null;
}

/** Unpacks the layers of an OCI layout into `dir` as an engine would. */
export function unpackImage(layout: string, dir: string): ImageConfig {
  const blob = ({ digest }: Descriptor) => join(layout, "blobs/sha256", digest.slice(7));
  const json = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  const manifest = json(blob(json(join(layout, "index.json")).manifests[0]));
  const rootfs = join(dir, "rootfs");
  mkdirSync(rootfs, { recursive: true });
  for (const layer of manifest.layers) {
    const { status, stderr } = spawnSync("tar", ["-xzpf", blob(layer), "--numeric-owner", "-C", rootfs]);
    if (status !== 0) throw new Error(`${layer.digest}: ${stderr}`);
  }
  return json(blob(manifest.config)).config;
}

/**
 * Runs an image that was unpacked into `dir` as a restricted pod would: the image's own user, no capabilities, no new
 * privileges, a root that cannot be written; the network is the host's.
 */
export async function runImage(bundle: Bundle): Promise<RunningImage> {
  const { dir, image } = bundle;
  const id = someId();
  prepare(bundle);
  const startMs = performance.now();
  const child = spawn("runc", ["run", "--bundle", dir, id], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (chunk) => {
    said = `${said}${chunk}`.slice(-8000);
  });
  const ended = once(child, "exit");
  const stop = async () => {
    spawnSync("runc", ["kill", id, "SIGTERM"]);
    const late = setTimeout(() => spawnSync("runc", ["kill", id, "SIGKILL"]), 15_000);
    const [code] = (await ended) as [number | null];
    clearTimeout(late);
    spawnSync("runc", ["delete", "--force", id]);
    return code;
  };
  const text = await firstLine(child);
  if (text === undefined) throw new Error(`${image.Entrypoint.at(-1)} ended: ${said}`);
  const readyMs = performance.now() - startMs;
  const state = JSON.parse(spawnSync("runc", ["state", id], { encoding: "utf8" }).stdout);
  return { pid: state.pid, line: JSON.parse(text), readyMs, stderr: () => said, stop };
}

/** Runs it, restricted in the same way, to its end. */
export function runToEnd(bundle: Bundle): { code: number | null; stdout: string; stderr: string } {
  prepare(bundle);
  const { status, stdout, stderr } = spawnSync("runc", ["run", "--bundle", bundle.dir, someId()], {
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

const someId = (): string => `locum-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;

function prepare({ dir, image, args, mounts }: Bundle): void {
  for (const { target } of mounts) mkdirSync(join(dir, "rootfs", target), { recursive: true });
  writeFileSync(join(dir, "config.json"), JSON.stringify(specOf(image, args, mounts)));
}

async function firstLine({ stdout }: ChildProcess): Promise<string | undefined> {
  if (!stdout) return undefined;
  for await (const line of createInterface({ input: stdout })) {
    stdout.resume();
    return line;
  }
  return undefined;
}

function specOf(image: ImageConfig, args: readonly string[], mounts: readonly Mount[]): object {
  const [uid, gid] = image.User.split(":").map(Number);
  const bind = ({ source, target, readOnly = false }: Mount) => ({
    ...{ destination: target, type: "bind", source },
    options: ["bind", readOnly ? "ro" : "rw", "nosuid", "nodev"],
  });
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid, gid },
      args: [...image.Entrypoint, ...args],
      env: image.Env,
      cwd: image.WorkingDir,
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"] },
      ...mounts.map(bind),
    ],
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

/** Of /proc/PID/status: who it runs as, and with which powers. */
export function privilegesOf(pid: number): Record<string, string> {
  const text = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s*(.+)$`, "m").exec(text)?.[1] ?? "";
  const names = ["Uid", "Gid", "CapEff", "CapBnd", "NoNewPrivs"];
  return Object.fromEntries(names.map((name) => [name, field(name).split(/\s+/)[0] ?? ""]));
}
