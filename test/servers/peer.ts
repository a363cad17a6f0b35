import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, cp, mkdtemp, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Protocol } from "@locum/contracts";
import { until } from "../stack/until.ts";

export const peerNames = ["triton", "kserve", "mlserver", "torchserve", "openai"] as const;
export type PeerName = (typeof peerNames)[number];
export type Variant = "good" | "wrong" | "garbage";

/** A real model server with a small model, from the script of LOCUM_PEERS_DIR, in a folder of its own. */
export type Peer = {
  name: PeerName;
  /** The protocol that its REST port speaks; KServe's speaks `kserve-v1` too. */
  protocol: Protocol;
  /** Without `/v1`. */
  url: string;
  grpc: string | undefined;
  management: string | undefined;
  metrics: string | undefined;
  model: string;
  modelDir: string;
  /** The file that `swap` replaces. */
  liveFile: string;
  /** Of the process that runs now: leads a process group of its own, with the workers in it. */
  readonly pid: number;
  log: string;
  /** The 32 inputs of the digits model, 64 numbers each; none for `openai`. */
  inputs(): Promise<number[][]>;
  /** Puts another model over the live one by rename, and loads nothing. */
  swap(to: Variant): Promise<void>;
  /** The same into the file that is there: servers that map their weights answer otherwise at once. */
  overwrite(to: Variant): Promise<void>;
  /** To the whole process group; false once nobody is left there. */
  signal(name: NodeJS.Signals | 0): boolean;
  /** Ends it, if it runs, and starts it on the same ports and files. Without `waits` it may fail to start. */
  restart(options?: { waits?: boolean }): Promise<void>;
  /** The same as a program with arguments, for a restart driver. */
  restartCommand(): Promise<string[]>;
  stop(): Promise<void>;
};

type Kind = { protocol: Protocol; file: string; variant: string };
const kinds: Record<PeerName, Kind> = {
  triton: { protocol: "oip-v2-rest", file: "1/model.npz", variant: "model.npz" },
  kserve: { protocol: "oip-v2-rest", file: "model.npz", variant: "model.npz" },
  mlserver: { protocol: "oip-v2-rest", file: "model.joblib", variant: "model.joblib" },
  torchserve: { protocol: "torchserve", file: "digits.mar", variant: "digits.mar" },
  openai: { protocol: "openai", file: "model.gguf", variant: "model.gguf" },
};

/** Why this server cannot be run here; undefined where it can. For the name of a skipped test. */
export function peerMissing(name: PeerName): string | undefined {
  return process.env.LOCUM_PEERS_DIR === undefined
    ? `set LOCUM_PEERS_DIR to the folder of start-${name}.sh to run it`
    : undefined;
}

export async function startPeer(
  name: PeerName,
  { env = {}, dir, args = [] }: { env?: Record<string, string>; dir?: string; args?: readonly string[] } = {},
): Promise<Peer> {
  const scripts = process.env.LOCUM_PEERS_DIR;
  if (scripts === undefined) throw new Error(peerMissing(name));
  const home = dir ?? (await mkdtemp(join(tmpdir(), `locum-${name}-`)));
  const { stdout } = await promisify(execFile)(join(scripts, `start-${name}.sh`), ["--dir", home, ...args], {
    env: { ...process.env, ...env },
  });
  const line = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Line;
  const { protocol, file, variant } = kinds[name];
  const pid = (): number => Number(readFileSync(join(home, "pid"), "utf8"));
  const script = join(scripts, `start-${name}.sh`);
  const again = [script, "--port", new URL(line.url).port, "--dir", home];
  const restart: Peer["restart"] = async ({ waits = true } = {}) => {
    const running = pid();
    signalGroup(running, "SIGKILL");
    await until(() => !signalGroup(running, 0), { what: `${name} to end`, withinMs: 10_000 });
    const [program = "", ...more] = [...again, ...(waits ? [] : ["--no-wait"])];
    await promisify(execFile)(program, more, { env: { ...process.env, ...env } });
  };
  const liveFile = join(line.modelDir, file);
  return {
    name,
    protocol,
    url: line.url.replace(/\/v1$/, ""),
    grpc: line.grpc ?? undefined,
    management: line.admin ?? undefined,
    metrics: line.metrics ?? undefined,
    model: line.model,
    modelDir: line.modelDir,
    liveFile,
    get pid() {
      return pid();
    },
    log: line.log,
    async inputs() {
      const golden = await readFile(join(line.variants, "golden.json"), "utf8").catch(() => '{"inputs":[]}');
      return (JSON.parse(golden) as { inputs: number[][] }).inputs;
    },
    async swap(to) {
      await cp(join(line.variants, to, variant), `${liveFile}.new`);
      await rename(`${liveFile}.new`, liveFile);
    },
    async overwrite(to) {
      await using file = await open(liveFile, "r+");
      await file.write(await readFile(join(line.variants, to, variant)), 0, null, 0);
    },
    signal: (signal) => signalGroup(pid(), signal),
    restart,
    async restartCommand() {
      const file = join(home, "restart.sh");
      // Whoever runs it has a home of its own; what is installed is found in ours.
      const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
      const variables = Object.entries({ ...env, XDG_CACHE_HOME: cache }).map(
        ([key, value]) => `export ${key}='${value}'\n`,
      );
      // Not after `--`: dash takes that for no number, and kills nobody.
      const kill = `kill -9 "-$(cat '${home}/pid')" 2>/dev/null\n`;
      await writeFile(
        file,
        `#!/bin/sh\n${variables.join("")}${kill}exec '${again.join("' '")}' >/dev/null\n`,
      );
      await chmod(file, 0o755);
      return [file];
    },
    async stop() {
      signalGroup(pid(), "SIGCONT");
      signalGroup(pid(), "SIGTERM");
      const ended = () => !signalGroup(pid(), 0);
      await until(ended, { what: `${name} to end`, withinMs: 30_000, everyMs: 100 }).catch(() =>
        signalGroup(pid(), "SIGKILL"),
      );
      if (dir === undefined) await rm(home, { recursive: true, force: true });
    },
  };
}

type Line = {
  url: string;
  grpc?: string | null;
  admin?: string | null;
  metrics?: string | null;
  model: string;
  modelDir: string;
  variants: string;
  log: string;
};

function signalGroup(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, name);
  } catch {
    return false;
  }
}
