import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { createKubernetes, type Kubernetes, loadKubeconfig } from "@locum/runtime/kubernetes";

const run = promisify(execFile);

/** Folder of the real control plane's start.sh and stop.sh. */
const rig = process.env.LOCUM_K8S_DIR;

/** Why a test against a real API server cannot run here; null where it can. */
export function kubernetesMissing(): string | null {
  if (!rig) return "LOCUM_K8S_DIR names no folder";
  if (!existsSync(join(rig, "start.sh"))) return `${rig} has no start.sh`;
  const hasGo = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "go")));
  return hasGo || process.env.LOCUM_KUBERNETES_BIN ? null : "Go is not installed";
}

export type Cluster = {
  client: Kubernetes;
  kubeconfig: string;
  /** A program of the rig; its output. Throws where it fails. */
  run(program: "kubectl" | "helm", args: readonly string[], input?: string): Promise<string>;
  stop(): Promise<void>;
};

type Started = { kubeconfig: string; dir: string; kubectl: string; helm: string | null };

/** A control plane of its own: without `minimal` with controllers, a scheduler and simulated kubelets. */
export async function startKubernetes({ minimal = false } = {}): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), "locum-k8s-"));
  const script = join(rig ?? "", "start.sh");
  const { stdout } = await run(script, ["--dir", dir, ...(minimal ? ["--minimal"] : [])], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const started = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as Started;
  const client = createKubernetes(await loadKubeconfig(started.kubeconfig));
  const env = {
    ...process.env,
    KUBECONFIG: started.kubeconfig,
    HELM_CACHE_HOME: join(dir, "helm"),
    HELM_CONFIG_HOME: join(dir, "helm"),
    HELM_DATA_HOME: join(dir, "helm"),
  };
  return {
    client,
    kubeconfig: started.kubeconfig,
    run: async (program, args, input) => {
      const ran = run(started[program] ?? program, args, { env, maxBuffer: 64 * 1024 * 1024 });
      ran.child.stdin?.end(input ?? "");
      const { stdout: text, stderr } = await ran;
      return text + stderr;
    },
    stop: async () => {
      client.close();
      await run(join(rig ?? "", "stop.sh"), [dir]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
