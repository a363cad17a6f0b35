import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubeObject } from "@locum/runtime/kubernetes";

const main = fileURLToPath(new URL("../../apps/sidecar/src/main.ts", import.meta.url));

type Container = { name: string; env?: { name: string; value?: string }[] };

/** The sidecar of a simulated pod, as a process: by the pod's own variables, but for ports that others may use. */
export async function startPodSidecar(
  { metadata, spec }: KubeObject,
  { dir, collector, token }: { dir: string; collector: string; token: string },
): Promise<{ end(): Promise<void> }> {
  const { initContainers = [] } = spec as { initContainers?: Container[] };
  const env = initContainers.find(({ name }) => name === "locum-sidecar")?.env ?? [];
  const text = env.find(({ name }) => name === "LOCUM_SERVICE")?.value ?? "";
  const tokenFile = join(dir, "token");
  await writeFile(tokenFile, token, { mode: 0o600 });
  const own = ["--control", "127.0.0.1:0", "--agent", "127.0.0.1:0", "--state-dir", join(dir, "state")];
  const child: ChildProcess = spawn(
    process.execPath,
    [main, "--collector", collector, "--token-file", tokenFile, ...own],
    {
      env: { ...process.env, LOCUM_SERVICE: text.replaceAll("$(LOCUM_POD)", metadata.name) },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const ended = once(child, "exit");
  return {
    end: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
