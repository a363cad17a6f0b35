import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startModelServer } from "../model-server/server.ts";
import { fixtures, newApprover, recordRelease, writeRelease } from "../sidecar/start-digits.ts";
import { type RunningImage, runImage, unpackImage } from "./run-image.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const user = 65_532;

/** `npm run images`, and what it said. @throws where it does not end with 0 */
export function buildImages(out: string, names: readonly string[], env: Record<string, string> = {}): string {
  const args = [join(root, "bin/images.mjs"), "--out", out, ...names];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`npm run images: ${stdout}${stderr}`);
  return stdout;
}

export type ImageStack = {
  dir: string;
  sidecar: RunningImage;
  collector: RunningImage;
  adminToken: string;
  close(): Promise<void>;
};

/** A real model server of this machine with a collector and a sidecar from their images, on the host's network. */
export async function startImages(layouts: string): Promise<ImageStack> {
  const dir = mkdtempSync(join(tmpdir(), "locum-images-run-"));
  const closing: (() => unknown)[] = [() => rmSync(dir, { recursive: true, force: true })];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const repository = join(dir, "models");
    mkdirSync(join(repository, "digits"), { recursive: true });
    cpSync(join(fixtures, "model.onnx"), join(repository, "digits/model.onnx"));
    const server = await startModelServer({ repository });
    closing.push(() => server.close());
    const state = join(dir, "state");
    const config = await configure({ dir, state, url: server.url, modelDir: join(repository, "digits") });
    ownedByImage(repository);
    ownedByImage(state);
    chmodSync(dir, 0o755);
    const mounts = [
      { source: state, target: "/var/lib/locum" },
      { source: config, target: "/etc/locum", readOnly: true },
      { source: repository, target: "/models" },
    ];
    const start = async (name: string, args: string[]) => {
      const bundle = join(dir, name);
      const image = unpackImage(join(layouts, name), bundle);
      const running = await runImage({ dir: bundle, image, args, mounts });
      closing.push(running.stop);
      return running;
    };
    const collector = await start("collector", ["--config", "/etc/locum/locum.yaml"]);
    const sidecar = await start("sidecar", [
      ...["--config", "/etc/locum/locum.yaml", "--instance", "a"],
      ...["--collector", collector.line.url ?? ""],
    ]);
    return { dir, sidecar, collector, adminToken: adminTokenIn(state), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Configure = { dir: string; state: string; url: string; modelDir: string };

async function configure({ dir, state, url, modelDir }: Configure): Promise<string> {
  const approver = newApprover();
  const release = await recordRelease({ url, modelDir } as Parameters<typeof recordRelease>[0], approver);
  await writeRelease(join(state, "releases"), release);
  const config = join(dir, "etc");
  mkdirSync(config);
  const { keyId, publicKey } = approver;
  const service = {
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    approvers: [{ keyId, publicKey }],
    releases: "/var/lib/locum/releases",
    instances: [{ id: "a", url, modelDir: "/models/digits", sidecar: { stateDir: "/var/lib/locum/a" } }],
    collector: { dataDir: "/var/lib/locum/collector", tokenFile: "/var/lib/locum/tokens.json" },
  };
  // JSON is YAML.
  writeFileSync(join(config, "locum.yaml"), JSON.stringify(service));
  return config;
}

/** As the volumes of a pod are, by its fsGroup. */
export function ownedByImage(path: string): void {
  const { status, stderr } = spawnSync("chown", ["-R", `${user}:${user}`, path], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  chownSync(path, user, user);
}

function adminTokenIn(state: string): string {
  const { tokens } = JSON.parse(readFileSync(join(state, "tokens.json"), "utf8")) as {
    tokens: { role: string; token: string }[];
  };
  return tokens.find(({ role }) => role === "admin")?.token ?? "";
}
